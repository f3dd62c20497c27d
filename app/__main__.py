"""The same as `ihd`."""

import sys

from app.cli import main

sys.exit(main())
