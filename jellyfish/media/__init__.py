"""Media: video files, labels, JPEG, resizing, drawing. Knows nothing of networks or models."""
