"""Media: video files, procedural street scenes, JPEG, resizing. Knows nothing of networks or models."""
