"""How hard the suite presses: `make torture` presses many times harder than `make test`, on the same tests."""

import os

IS_TORTURE = os.environ.get("TORTURE") == "1"
SEEDS = range(20 if IS_TORTURE else 1)
"""One for each way in which chance may have it; printed with the test's name."""
