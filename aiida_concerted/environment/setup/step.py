"""One thing that a setup file asks for: whether it is there, and what makes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["agrees", "missing", "unfinished", "differs"]


@dataclass(frozen=True)
class Step:
    """One thing that was looked for.

    :param subject: what it is, such as ``computer cluster``.
    :param state: how it was found; ``unfinished`` is what an interrupted setup left.
    :param message: what it is like, what would be made, or which key differs and what to do.
    :param make: makes or finishes it, where there is something to do.
    """

    subject: str
    state: State
    message: str
    make: Callable[[], Any] | None = None


def describe_differences(pairs: Iterable[tuple[str, Any, Any]]) -> str:
    """Return the keys that differ with both values, an empty text where none does.

    :param pairs: name of a key, value that is there, value in the file.
    """
    return "; ".join(
        f"{key} is {_quote(there)} there and {_quote(wanted)} in the file"
        for key, there, wanted in pairs
        if there != wanted
    )


def _quote(value: Any) -> str:
    return "nothing" if value in (None, "", {}) else repr(value)
