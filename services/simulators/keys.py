"""Which keys a simulator turns away because they could be somebody's real ones."""

import hashlib
import re

_INVENTED = re.compile(r"simulat|invented|example|test|fake|demo|bench|dummy", re.IGNORECASE)
_VENDOR_PREFIXES = ("sk-proj-", "sk-svcacct-", "sk-admin-", "sk-")
_REAL_TAIL_LENGTH = 40
_REAL_LENGTH = 32
_RANDOM_VARIETY = 12


def looks_real(key: str) -> bool:
    """Whether a key has the length and the variety of one that a vendor issued.

    A vendor's prefix needs a long random tail; a bare token counts from 32 characters on. Keys that say in
    plain words that they are invented are always welcome.
    """
    if _INVENTED.search(key):
        return False
    for prefix in _VENDOR_PREFIXES:
        if key.startswith(prefix):
            tail = key.removeprefix(prefix)
            return len(tail) >= _REAL_TAIL_LENGTH and len(set(tail)) >= _RANDOM_VARIETY
    return (
        len(key) >= _REAL_LENGTH
        and len(set(key)) >= _RANDOM_VARIETY
        and re.fullmatch(r"[A-Za-z0-9_\-]+", key) is not None
    )


def key_hash(key: str | None) -> str:
    """A short name for a key that cannot be turned back; empty without a key."""
    return hashlib.sha256(key.encode()).hexdigest()[:12] if key else ""


def bearer(header: str | None, scheme: str = "Bearer") -> str | None:
    """The key in an Authorization header of the given scheme, if there is one."""
    if header is None:
        return None
    found, _, key = header.partition(" ")
    return key.strip() or None if found.lower() == scheme.lower() else None
