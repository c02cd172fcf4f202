"""Simulated embeddings: words are hashed into a vector of length one, so that alike texts lie near each other."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from array import array

_WORD = re.compile(r"\w+")
PLACES_PER_WORD = 6


def embed(text: str, dimensions: int) -> array[float]:
    """A float32 vector of the given number of dimensions, always the same for the same text."""
    vector = array("f", bytes(4 * dimensions))
    for word in _WORD.findall(text.casefold()) or [text]:
        digest = hashlib.blake2b(word.encode(), digest_size=3 * PLACES_PER_WORD).digest()
        for at in range(0, len(digest), 3):
            place = int.from_bytes(digest[at : at + 2], "big") % dimensions
            vector[place] += 1.0 if digest[at + 2] & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0:
        vector[0] = length = 1.0
    return array("f", (value / length for value in vector))


def encoded(vector: array[float]) -> str:
    """Base64 over little-endian float32."""
    return base64.b64encode(vector.tobytes()).decode("ascii")
