"""What cameras are answered, for those who watch: pages, programs, a broker (docs/watching.md)."""
