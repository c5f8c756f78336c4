"""The published fusion of class scores over time. No mode runs it: `benchmarks/score_fusion.py` measures it."""
