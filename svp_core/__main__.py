"""python -m svp_core: the command line, see svp_core.cli."""

import sys

if __name__ == "__main__":
    from svp_core.execution.garbage_collection import collect_seldom

    collect_seldom()

from svp_core.cli import main

sys.exit(main())
