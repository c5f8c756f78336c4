"""The control path: what is observed becomes a problem, a planner answers it with a plan."""
