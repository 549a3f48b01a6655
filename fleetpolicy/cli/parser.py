"""Parse words as argparse does, but for the exit status of a wrong usage."""

import sys
from argparse import ArgumentParser
from typing import NoReturn

from fleetpolicy.diagnostics import ExitStatus


class Parser(ArgumentParser):
    """A parser whose usage errors end with 64, so that 2 keeps one meaning."""

    def error(self, message: str) -> NoReturn:
        """Tell the usage and what is wrong with it, and end."""
        self.print_usage(sys.stderr)
        self.exit(ExitStatus.USAGE, f"{self.prog}: {message}\n")
