"""``python -m assocmem.bench``."""

import sys

from assocmem.bench import main

sys.exit(main())
