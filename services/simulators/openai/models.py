"""The models that are simulated: when they end, what they take and what they cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class ModelKind(StrEnum):
    """What a model does."""

    CHAT = "chat"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class Model:
    """One model. Prices are billionths of a dollar per token: 0.10 USD per million tokens is 100."""

    id: str
    kind: ModelKind
    input_nano_usd: int
    cached_nano_usd: int
    output_nano_usd: int
    context_tokens: int
    shutdown: date | None = None
    snapshot: str = ""
    reasons: bool = False
    long_input_from: int | None = None
    dimensions: int = 0
    can_shorten: bool = False

    @property
    def answers_as(self) -> str:
        """The name that answers carry: the dated snapshot where there is one."""
        return self.snapshot or self.id

    def cost_nano_usd(self, prompt: int, cached: int, completion: int) -> int:
        """The price of one call; very long prompts make the whole call dearer where the model says so."""
        cost = (prompt - cached) * self.input_nano_usd + cached * self.cached_nano_usd
        output = completion * self.output_nano_usd
        if self.long_input_from is not None and prompt > self.long_input_from:
            return 2 * cost + output * 3 // 2
        return cost + output


_MINIS_END = date(2027, 1, 14)
_FIVES_END = date(2026, 12, 11)
_GONE = date(2026, 10, 23)
_WIDE = 1_050_000
_LONG = 272_000

_CHAT = ModelKind.CHAT
_EMBEDDING = ModelKind.EMBEDDING

_ALL = (
    Model("gpt-6-luna", _CHAT, 100, 10, 500, _WIDE, reasons=True, long_input_from=_LONG),
    Model("gpt-5.6-luna", _CHAT, 200, 20, 1200, _WIDE, reasons=True, long_input_from=_LONG),
    Model("gpt-5.4-mini", _CHAT, 750, 75, 4500, 400_000, reasons=True),
    Model("gpt-5.4-nano", _CHAT, 200, 20, 1250, 400_000, date(2027, 4, 1), reasons=True),
    Model("gpt-5-mini", _CHAT, 250, 25, 2000, 400_000, _FIVES_END, reasons=True),
    Model("gpt-4o-mini", _CHAT, 150, 75, 600, 128_000, _MINIS_END, "gpt-4o-mini-2024-07-18"),
    Model("gpt-4o", _CHAT, 2500, 1250, 10_000, 128_000, _MINIS_END, "gpt-4o-2024-08-06"),
    Model("gpt-4.1-mini", _CHAT, 400, 100, 1600, 1_000_000, _MINIS_END, "gpt-4.1-mini-2025-04-14"),
    Model("gpt-4.1", _CHAT, 2000, 500, 8000, 1_000_000, _MINIS_END, "gpt-4.1-2025-04-14"),
    Model("gpt-4.1-nano", _CHAT, 100, 25, 400, 1_000_000, _GONE, "gpt-4.1-nano-2025-04-14"),
    Model("gpt-3.5-turbo", _CHAT, 500, 500, 1500, 16_000, _GONE),
    Model("text-embedding-3-small", _EMBEDDING, 20, 20, 0, 8192, dimensions=1536, can_shorten=True),
    Model("text-embedding-3-large", _EMBEDDING, 130, 130, 0, 8192, dimensions=3072, can_shorten=True),
    Model("text-embedding-ada-002", _EMBEDDING, 100, 100, 0, 8192, dimensions=1536),
)

MODELS: Mapping[str, Model] = {name: model for model in _ALL for name in {model.id, model.answers_as}}
LISTED: tuple[Model, ...] = _ALL
