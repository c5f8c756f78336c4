"""A look into a graph of which nobody has written a `model.toml`: what is known of it, what may be guessed, a draft."""
