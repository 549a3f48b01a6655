"""Run the command line: python -m fleetpolicy."""

import sys

from fleetpolicy.cli import main

sys.exit(main())
