"""Fixtures are plugins, one file a subject."""

pytest_plugins = ["tests.fixtures.postgres", "tests.fixtures.simulators", "tests.fixtures.app", "tests.fixtures.files"]
