"""Runs Jellyfish in place: `python cli.py serve`."""

from jellyfish.cli import main

if __name__ == "__main__":
    main()
