"""The command line: arguments in, one answer on standard output, an exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from auditor.cli.console import hang_up, settle_output
from auditor.cli.logs import tell_error
from auditor.cli.parser import parser
from auditor.errors import AuditorError

COULD_NOT_TELL = 2
INTERRUPTED = 130  # 128 and SIGINT, as shells count


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code.

    Python's own code for an uncaught error is 1, which here means drift: nothing is uncaught.
    """
    settle_output()
    args = parser().parse_args(arguments)
    try:
        code = int(args.command(args))
        if sys.stdout is not None:
            sys.stdout.flush()
    except AuditorError as error:
        tell_error(str(error))
        return error.exit_code
    except BrokenPipeError:
        hang_up()
        return COULD_NOT_TELL
    except KeyboardInterrupt:
        return INTERRUPTED
    except OSError as error:
        hang_up()
        tell_error(f"the system refused: {error}")
        return COULD_NOT_TELL
    except Exception:
        logging.getLogger(__name__).exception("a fault of the auditor itself, please report it")
        return COULD_NOT_TELL
    return code
