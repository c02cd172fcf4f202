"""Fixtures are plugins, one file a subject."""

from hypothesis import settings

# Machines are noisy: how long an example takes is measured in `make bench`, never judged here.
settings.register_profile("suite", deadline=None, print_blob=True)
settings.load_profile("suite")

pytest_plugins = [
    "tests.fixtures.postgres",
    "tests.fixtures.redis",
    "tests.fixtures.simulators",
    "tests.fixtures.app",
    "tests.fixtures.files",
    "tests.fixtures.product",
]
