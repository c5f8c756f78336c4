"""The page at `/`, what turns a browser into a camera, and invitations for that. Files to show lie in `static/`."""
