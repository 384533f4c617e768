"""Entry point of `auditor` and of `python -m auditor`."""

from __future__ import annotations

import sys

from auditor.cli import main as run_command


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run_command(sys.argv[1:]))


if __name__ == "__main__":
    main()
