"""Runs as pictures and words, from nothing but their result files."""
