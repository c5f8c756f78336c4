"""Runs Jellyfish in place: `python cli.py serve`."""

from jellyfish.__main__ import main

if __name__ == "__main__":
    main()
