"""Models a device can run, a folder per family."""
