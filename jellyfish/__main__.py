"""The program: `jellyfish`, and `python -m jellyfish`."""

from __future__ import annotations

import sys

from jellyfish.program.signals import ended_by_signals
from jellyfish.program.standard_files import open_standard_files, what_is_missing


def main() -> None:
    """Run the command line. It is loaded when there is somebody to hear of a Ctrl-C, for that takes a moment."""
    output = open_standard_files()
    try:
        with ended_by_signals():
            from jellyfish.cli import app

            app()
    except SystemExit as left:
        if (missing := what_is_missing(output)) is not None:
            print(f"error: {missing}", file=sys.stderr)
            raise SystemExit(left.code or 1) from None
        raise


if __name__ == "__main__":
    main()
