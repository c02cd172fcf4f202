"""Keys that could be somebody's are turned away; invented ones are not."""

import secrets

import pytest

from services.simulators.keys import bearer, key_hash, looks_real


@pytest.mark.parametrize("prefix", ["sk-proj-", "sk-svcacct-", "sk-", ""])
def test_a_long_random_key_looks_real(prefix):
    assert looks_real(prefix + secrets.token_hex(30))


@pytest.mark.parametrize(
    "key", ["simulated", "sk-short", "k", "sk-proj-" + "simulated" * 8, "a" * 80, "demo-" + "x1y2" * 20]
)
def test_an_invented_key_is_welcome(key):
    assert not looks_real(key)


def test_a_key_hash_does_not_hold_the_key():
    assert "secret" not in key_hash("secret") and len(key_hash("secret")) == 12
    assert key_hash(None) == ""


@pytest.mark.parametrize(
    ("header", "key"),
    [("Bearer abc", "abc"), ("bearer abc", "abc"), ("Token abc", None), ("Bearer ", None), (None, None)],
)
def test_only_the_named_scheme_gives_a_key(header, key):
    assert bearer(header) == key
