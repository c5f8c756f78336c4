"""Counts the cars that come, per minute and camera, from the answers of a server that follows objects.

jellyfish serve --track
python docs/examples/count_cars.py http://127.0.0.1:8765/v1/watch
"""

import collections
import json
import os
import sys
import urllib.request


def main(url: str) -> None:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {os.environ.get('JELLYFISH_TOKEN', '')}"})
    minute, counted, came = "", set(), collections.Counter()
    for line in urllib.request.urlopen(request):  # server-sent events: a line for each answer
        answer = json.loads(line.removeprefix(b"data: ")) if line.startswith(b"data: ") else {}
        if answer.get("captured", "")[:16] > minute:
            if minute:
                print(minute, dict(came), flush=True)
            minute, came = answer["captured"][:16], collections.Counter()
        for found in answer.get("detections", []):
            car = (answer["camera"], found.get("track"))
            if found["label"] == "car" and car[1] is not None and car not in counted:
                counted.add(car)
                came[answer["camera"]] += 1
    print(minute, dict(came))


main(sys.argv[1])
