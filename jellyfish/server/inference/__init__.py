"""Requests for inference, one by one, that join the frames of streams (docs/inference-protocol.md)."""
