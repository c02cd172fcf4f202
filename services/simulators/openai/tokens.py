"""How long texts are in tokens, and how much of a prompt was seen before."""

import hashlib
from collections import OrderedDict

CHARACTERS_PER_TOKEN = 4
MESSAGE_OVERHEAD = 4
CACHE_FROM = 1024
CACHE_STEP = 128
REMEMBERED_PREFIXES = 20_000


def count_tokens(text: str) -> int:
    """About one token for four characters, never none."""
    return max(1, -(-len(text) // CHARACTERS_PER_TOKEN))


class PromptCache:
    """Remembers prompt prefixes from 1,024 tokens on, in steps of 128, and forgets the oldest."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def cached_tokens(self, owner: str, prompt: str) -> int:
        """How many tokens of the prompt's beginning were sent before; the prompt is remembered from now on."""
        encoded = prompt.encode()
        step = CACHE_STEP * CHARACTERS_PER_TOKEN
        digest = hashlib.blake2b(owner.encode(), digest_size=12)
        end = CACHE_FROM * CHARACTERS_PER_TOKEN
        start, tokens, cached = 0, CACHE_FROM, 0
        while end <= len(encoded):
            digest.update(encoded[start:end])
            prefix = digest.digest()
            if prefix in self._known:
                cached = tokens
                self._known.move_to_end(prefix)
            else:
                self._known[prefix] = None
            start, end, tokens = end, end + step, tokens + CACHE_STEP
        while len(self._known) > REMEMBERED_PREFIXES:
            self._known.popitem(last=False)
        return cached
