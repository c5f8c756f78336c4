"""How good answers are: detections against what is truly there. Pure."""
