"""What client and server say to each other: docs/protocol.md in code."""
