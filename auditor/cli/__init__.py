"""The command line: it takes arguments, prints an answer and returns an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from auditor.cli.console import discard_output, set_up_output
from auditor.cli.logs import report_defect, report_error
from auditor.cli.parser import build_parser
from auditor.errors import AuditorError

COULD_NOT_DETERMINE = 2
INTERRUPTED = 130  # 128 + SIGINT, as in a shell


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    Every error is caught: Python's exit code for an uncaught error is 1, which means drift here.
    """
    set_up_output()
    args = build_parser().parse_args(arguments)
    try:
        code = int(args.command(args))
        if sys.stdout is not None:
            sys.stdout.flush()
    except AuditorError as error:
        report_error(str(error))
        return error.exit_code
    except BrokenPipeError:
        discard_output()
        return COULD_NOT_DETERMINE
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        discard_output()
        report_error(f"the operating system reported an error: {error}")
        return COULD_NOT_DETERMINE
    except Exception as error:  # noqa: BLE001 - the last resort, which reports whatever it is
        report_defect(error)
        return COULD_NOT_DETERMINE
    return code
