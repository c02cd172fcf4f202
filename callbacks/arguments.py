"""What a callback declares to take is what a request may give it: checked in one place, before it runs.

A value of another type never comes from a page of ours. It is refused as the sender's mistake, so that
an error inside a callback stays an error of ours (docs/security.md, Forged requests).
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, get_type_hints

import structlog
from pydantic import TypeAdapter, ValidationError

from services.errors import BadInput

P = ParamSpec("P")
R = TypeVar("R")

log = structlog.get_logger(__name__)


class Malformed(BadInput):
    """A value that no page of ours sends: answered 400 and not with a notice."""


def as_declared(function: Callable[P, R]) -> Callable[P, R]:
    """The function of a callback, which now raises Malformed for an argument that its annotations do not allow.

    Text that PostgreSQL cannot hold, a NUL or half of a surrogate pair, can be pasted: that is BadInput.
    """
    signature, adapters = inspect.signature(function), adapters_of(function)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            check(function, name, value, adapters.get(name))
            if not is_storable(value):
                raise BadInput("This text holds a character that cannot be stored. Please type it anew.")
        return function(*args, **kwargs)

    return checked


def adapters_of(callback: Callable[..., Any]) -> dict[str, TypeAdapter[Any]]:
    """What each argument must be; of `*arguments`, all of them together."""
    hints = get_type_hints(callback)
    kinds = {name: parameter.kind for name, parameter in inspect.signature(callback).parameters.items()}
    return {
        name: TypeAdapter(tuple[hints[name], ...] if kind is inspect.Parameter.VAR_POSITIONAL else hints[name])
        for name, kind in kinds.items()
        if hints.get(name, Any) not in (Any, object)
    }


def check(callback: Callable[..., Any], name: str, value: object, adapter: TypeAdapter[Any] | None) -> None:
    if adapter is None:
        return
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError:
        # Never the value: it may be about a person.
        log.warning("refused argument", callback=callback.__qualname__, argument=name)
        raise Malformed("This request is not one that our pages send. Please reload the page.") from None


def is_storable(value: object) -> bool:
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return all(is_storable(key) and is_storable(item) for key, item in value.items())
    return not isinstance(value, list | tuple) or all(is_storable(item) for item in value)
