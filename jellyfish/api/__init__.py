"""What programs in Python use: `import jellyfish` has its names (docs/api.md)."""
