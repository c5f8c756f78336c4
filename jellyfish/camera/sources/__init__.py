"""Where a camera's frames come from, one file each."""
