"""Published evaluations, run again: their matrices as scenarios, what came of each cell, and the figures. Pure."""
