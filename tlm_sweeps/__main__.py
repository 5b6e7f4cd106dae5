"""`python -m tlm_sweeps` is `tlm-sweeps`."""

import sys

from tlm_sweeps.cli.app import main

sys.exit(main())
