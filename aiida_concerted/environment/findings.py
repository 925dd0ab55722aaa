"""One thing that a check looked at, as a line that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiida_concerted.environment.errors import SetupError


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    :param is_note: whether it is well, and yet something to know.
    """

    subject: str
    message: str
    is_ok: bool
    is_note: bool = False

    @property
    def word(self) -> str:
        """Return the word that begins its line."""
        return "FAIL" if not self.is_ok else "note" if self.is_note else "ok"


class Note(Exception):
    """Raised by a check for what is well, and yet something to know."""


def look(subject: str, check: Callable[[], str]) -> Finding:
    """Return what a check found.

    :param check: returns what is well; raises :class:`SetupError` with the cure where something is not.
    """
    try:
        return Finding(subject, check(), True)
    except Note as note:
        return Finding(subject, str(note), True, is_note=True)
    except SetupError as error:
        return Finding(subject, " ".join(str(error).split()), False)
