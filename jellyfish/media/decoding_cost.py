"""What an image takes to decode, known from its header: in megapixels of a plain photograph decoded at full size. Pure.

A decoder reads every coefficient once a scan, takes those that are needed back to pixels (a JPEG can be decoded at a
half, a quarter or an eighth of its size for less) and finishes those pixels. The weights were measured, see
docs/decoding.md; what a picture really takes depends on what is on it, and is rarely more than announced.
"""

from __future__ import annotations

from typing import NamedTuple

from jellyfish.core import InputSize
from jellyfish.media.jpeg_header import JpegHeader, read_header
from jellyfish.media.png_header import read_png_header
from jellyfish.media.still import Pixels, Png, Still

REDUCTIONS = (8, 4, 2, 1)
"""Divisors of both sides that a decoder has."""
_A_BYTE, _A_BYTE_OF_MANY_SCANS = 1.3, 4.0
"""A byte of coded coefficients, in pixels of a plain photograph; likewise:"""
_A_SAMPLE, _A_SAMPLE_OF_MANY_SCANS = 0.1, 0.2
"""One of the samples, however little is coded of it."""
_A_SAMPLE_AND_SCAN = 0.08
"""The same for each scan, where there are more than one."""
_A_SAMPLE_BACK = {1: 0.2, 2: 0.08, 4: 0.03, 8: 0.01}
"""Taking one of the samples back to pixels, by reduction."""
_A_PIXEL_OUT = 0.45
"""Finishing a pixel that comes out."""
_A_PNG_PIXEL, _A_PIXEL_AS_IT_IS = 4.0, 0.15
"""A pixel of a PNG, at whatever size it is wanted; one that comes decoded, and is only scaled."""
_A_PICTURE = 0.03e6
"""Whatever its size."""


class DecodingCost(NamedTuple):
    """Of one picture."""

    megapixels: float
    """As it will be decoded: not much larger than the network takes."""
    whole_megapixels: float
    """At its full size, and with all of it coded in one scan."""
    width: int
    height: int
    scans: int


def weighed(data: Still, size: InputSize) -> DecodingCost:
    """Read the header of `data`, which is to fit into `size`. ImageError where it is one that is not decoded."""
    if isinstance(data, Pixels):
        return _by_pixels(data.rgb.shape[1], data.rgb.shape[0], _A_PIXEL_AS_IT_IS)
    if isinstance(data, Png):
        png = read_png_header(data.data)
        return _by_pixels(png.width, png.height, _A_PNG_PIXEL)
    header = read_header(data)
    whole = header._replace(scans=1)
    return DecodingCost(
        _pixels(header, reduction(*header.seen, size)) / 1e6,
        _pixels(whole, 1) / 1e6,
        header.width,
        header.height,
        header.scans,
    )


def _by_pixels(width: int, height: int, each: float) -> DecodingCost:
    megapixels = (_A_PICTURE + each * width * height) / 1e6
    return DecodingCost(megapixels, megapixels, width, height, 1)


def weightless(data: Still, size: InputSize) -> DecodingCost:
    """Of frames that are no pictures, as in simulations."""
    return DecodingCost(0.0, 0.0, 0, 0, 1)


def reduction(width: int, height: int, size: InputSize) -> int:
    """By how much both sides may be divided and still be no smaller than fitted into `size`."""
    fitted_width, fitted_height = size.fitted(width, height)
    most = min(width // fitted_width, height // fitted_height)
    return next(divisor for divisor in REDUCTIONS if divisor <= most)


def _pixels(header: JpegHeader, divisor: int) -> float:
    if header.scans == 1:
        read = _A_BYTE * header.size_bytes + _A_SAMPLE * header.samples
    else:
        per_sample = _A_SAMPLE_OF_MANY_SCANS + _A_SAMPLE_AND_SCAN * header.scans
        read = _A_BYTE_OF_MANY_SCANS * header.size_bytes + per_sample * header.samples
    out = header.width * header.height / divisor**2
    return _A_PICTURE + read + _A_SAMPLE_BACK[divisor] * header.samples + _A_PIXEL_OUT * out
