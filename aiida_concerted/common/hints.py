"""Help for a misspelt word."""

from __future__ import annotations

import difflib
from collections.abc import Collection


def nearest(word: str, known: Collection[str]) -> str:
    """Return a hint that names the known word nearest to ``word``, or all of them where none is near."""
    matches = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean '{matches[0]}'?" if matches else f"known are: {', '.join(sorted(known))}"
