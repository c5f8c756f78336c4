"""Cameras as whoever runs the server speaks of them: settings by name, and those that the server fetches itself."""
