"""Studies without a run: plans for given instances, bounds, traces."""
