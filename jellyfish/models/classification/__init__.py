"""What is in the middle of the picture? A classifier of the six classes of a street, at 2 widths and 6 resolutions."""
