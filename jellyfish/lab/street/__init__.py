"""Procedural street scenes with exact labels."""

from jellyfish.lab.street.scene import StreetScene, random_street_frame

__all__ = ["StreetScene", "random_street_frame"]
