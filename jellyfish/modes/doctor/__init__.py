"""`jellyfish doctor`: what this machine can do for a server, and what to change. It only looks."""
