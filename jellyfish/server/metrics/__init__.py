"""What a server tells of itself to Prometheus: docs/metrics.md in code."""
