"""The command line: arguments in, one answer on standard output, an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from auditor.cli.console import complain, hang_up
from auditor.cli.parser import parser
from auditor.errors import AuditorError

INTERRUPTED = 130  # 128 and SIGINT, as shells count


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    chosen = parser().parse_args(arguments)
    try:
        code = int(chosen.command(chosen))
        sys.stdout.flush()
    except AuditorError as error:
        complain(str(error))
        return error.exit_code
    except BrokenPipeError:
        hang_up()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    return code
