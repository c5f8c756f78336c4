"""The slimmable street detector: network, boxes, weights and the engine that serves it."""
