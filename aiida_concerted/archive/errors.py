"""The error of an archive that reaches a user as one line."""

from __future__ import annotations


class ArchiveError(ValueError):
    """An archive cannot be read or written as asked; the message says what, where and what to do."""


NOT_ENDED = "what has not ended cannot be archived: wait for it ('aiida-concerted status'), or 'verdi process kill'"
"""What is said where a process still runs."""
