"""Training of the slimmable detector on procedural street scenes, and its evaluation."""
