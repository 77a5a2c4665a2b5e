"""python -m svp_core: the command line, see svp_core.cli."""

import sys

from svp_core.cli import main

sys.exit(main())
