"""A camera of one's own program (docs/api.md): python camera_from_python.py ws://HOST:PORT/v1/stream VIDEO"""

import asyncio
import sys

import cv2

from jellyfish import Camera, InputError, RunError

FPS = 15


async def main(url: str, video: str) -> None:
    async with Camera(url, fps=FPS, slo_ms=200, name="example") as camera, asyncio.TaskGroup() as asked:
        for number, frame in enumerate(frames(video)):
            asked.create_task(look(camera, number, frame))  # the next frame need not wait for this one's answer
            await asyncio.sleep(1 / FPS)


async def look(camera, number, frame):
    answer = await camera.infer(frame)
    if answer.on_time:
        found = ", ".join(f"{camera.model.classes[one.label]} {one.score:.2f}" for one in answer.detections)
        print(f"{number} {answer.latency_ms:.0f} ms {answer.variant}: {found or 'nothing'}")
    else:
        print(f"{number} {answer.outcome}, {answer.reason}")


def frames(video):
    """At most 2 seconds of it, as arrays of RGB."""
    capture = cv2.VideoCapture(video)
    for _ in range(2 * FPS):
        there, image = capture.read()
        if not there:
            return
        yield image[..., ::-1]


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except (InputError, RunError) as error:
        sys.exit(f"error: {error}")
