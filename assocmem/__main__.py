"""`python -m assocmem` is the command `assocmem`."""

import sys

from assocmem.cli import main

sys.exit(main())
