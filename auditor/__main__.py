"""Entry point of `auditor` and of `python -m auditor`."""

from __future__ import annotations

import gc
import sys

from auditor.cli import main as run_command

_FEW_COLLECTIONS = (10_000, 20, 100)


def main() -> None:
    """Run the command line and exit with its code."""
    # Imports and answers make many objects and no cycles: looking for those takes up to a tenth.
    gc.set_threshold(*_FEW_COLLECTIONS)
    code = run_command(sys.argv[1:])
    # Else the interpreter looks all of them through once more on its way out (0.1 s).
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
