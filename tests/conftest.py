"""Fixtures are plugins, one file a subject; how the suite is divided between processes."""

import pytest
from hypothesis import settings

from tests.intensity import IS_TORTURE

# Machines are noisy: how long an example takes is measured in `make bench`, never judged here.
settings.register_profile("suite", deadline=None, print_blob=True)
settings.register_profile("torture", settings.get_profile("suite"), max_examples=1_000)
settings.load_profile("torture" if IS_TORTURE else "suite")

pytest_plugins = [
    "tests.fixtures.postgres",
    "tests.fixtures.redis",
    "tests.fixtures.simulators",
    "tests.fixtures.app",
    "tests.fixtures.files",
    "tests.fixtures.product",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever walks the running product stays in one process, and begins first: it takes longest.

    Everything else goes file by file, so that what a module shares is made once.
    """
    for item in items:
        walks = "running_product" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("product" if walks else str(item.path)))
    items.sort(key=lambda item: "running_product" not in getattr(item, "fixturenames", ()))
