"""A detector of bright things, as an example of a model of your own (docs/models.md):

jellyfish serve --model docs/examples/my_detector.py:Detector
"""

import cv2

from jellyfish import Answer, Description, Detection, InputSize, Size, Task, Variant, WholeBatches

SIZES = (
    Size(Variant(160, "bright"), InputSize(160, 160), 0.5, "a guess"),
    Size(Variant(320, "bright"), InputSize(320, 320), 0.6, "a guess"),
)


class Detector:
    description = Description("my_detector", "1", Task.DETECTION, ("lamp",), SIZES, identity="bright things, 1")

    def engine(self, options):
        return WholeBatches(find)


def find(images, variant):
    return [Answer(tuple(lamps(image, variant.resolution))) for image in images]


def lamps(image, resolution):
    height, width, _ = image.shape
    scale = min(1.0, resolution / max(height, width))
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None, fx=scale, fy=scale)
    count, _, found, _ = cv2.connectedComponentsWithStats((grey > 200).astype("uint8"))
    height, width = grey.shape
    for left, top, across, down, area in found[1:count].tolist():
        if area >= 4:
            yield Detection(0, 0.9, left / width, top / height, (left + across) / width, (top + down) / height)
