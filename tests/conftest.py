"""Fixtures are plugins, one file a subject; how the suite is divided between processes."""

import pytest
from hypothesis import settings

from tests.intensity import IS_TORTURE

# Machines are noisy: how long an example takes is measured in `make bench`, never judged here.
settings.register_profile("suite", deadline=None, print_blob=True)
settings.register_profile("torture", settings.get_profile("suite"), max_examples=1_000)
settings.load_profile("torture" if IS_TORTURE else "suite")

# What takes many minutes by its nature.
collect_ignore_glob = [] if IS_TORTURE else ["torture/*"]

pytest_plugins = [
    "tests.fixtures.postgres",
    "tests.fixtures.redis",
    "tests.fixtures.simulators",
    "tests.fixtures.app",
    "tests.fixtures.files",
    "tests.fixtures.product",
]


# Whoever walks the running product stays with others of its half in one process, which starts a product for them.
FIRST_HALF = ("test_main_job", "test_two_organizations", "test_screening_and_positions")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys through the running product begin first: they take longest.

    Everything else goes file by file, so that what a module shares is made once.
    """
    for item in items:
        half = "product 1" if item.path.stem in FIRST_HALF else "product 2"
        item.add_marker(pytest.mark.xdist_group(half if walks(item) else str(item.path)))
    items.sort(key=lambda item: not walks(item))


def walks(item: pytest.Item) -> bool:
    return "running_product" in getattr(item, "fixturenames", ())
