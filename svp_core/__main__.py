import sys

from svp_core.cli import main

sys.exit(main())
