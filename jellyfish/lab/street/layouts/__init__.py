"""The street layouts, by name. Each plans a whole street from a random generator: one file each."""

from collections.abc import Callable

from jellyfish.lab.street.layouts.avenue import avenue
from jellyfish.lab.street.layouts.junction import junction
from jellyfish.lab.street.layouts.roadside import roadside
from jellyfish.lab.street.layouts.town import town
from jellyfish.lab.street.plan import Street

LAYOUTS: dict[str, Callable[[Street, tuple[int, int], int], None]] = {
    "avenue": avenue,
    "junction": junction,
    "town": town,
    "roadside": roadside,
}
"""Called with a fresh street, the canvas size (width, height) in pixels, and the canvas pixels the picture is wide."""
