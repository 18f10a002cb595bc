"""The command line, ``skimbalance COMMAND`` or ``python -m skimbalance COMMAND``: which command runs, how it ends."""

import sys
from importlib import import_module

from skimbalance._cli import Refusal
from skimbalance._cli.console import show
from skimbalance._cli.options import parser

#: What the process ends with: failed; refused; interrupted. A command returns 0, or 1 where it failed.
FAILED, REFUSED, INTERRUPTED = 1, 2, 130


def main(arguments=None):
    """Run the command; return what the process is to end with."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments:
        parser().print_help()
        return 0
    options = parser().parse_args(arguments)
    try:
        return import_module(f"skimbalance._cli.{options.command}").run(options)
    except Refusal as refusal:
        show(f"skimbalance: error: {refusal}", sys.stderr)
        return REFUSED
    except OSError as error:  # such as a disk that is full
        show(f"skimbalance: error: {error}", sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        show("\nInterrupted.", sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
