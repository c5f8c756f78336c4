"""One command that, run once on a machine with a GPU, tests, measures and tells all."""
