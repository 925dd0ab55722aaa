"""The error that reaches a user as one line."""

from __future__ import annotations


class SetupError(ValueError):
    """Something outside the program is not as it must be; the message says what, where and what to do."""
