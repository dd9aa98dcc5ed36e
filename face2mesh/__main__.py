"""`python -m face2mesh` is the command line."""

import sys

from face2mesh.cli import main

if __name__ == "__main__":
    sys.exit(main())
