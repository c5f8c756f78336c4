"""How many devices of a kind do given cameras need? Planned, then simulated; docs/plan.md is the prose."""
