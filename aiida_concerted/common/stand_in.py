"""Levels of theory that are none: executables that stand in for first principles name themselves."""

from __future__ import annotations


def is_stand_in(level_of_theory: str | None) -> bool:
    """Return whether energies and forces of this level of theory come from a stand-in for first principles."""
    text = (level_of_theory or "").lower()
    return "surrogate" in text or "not dft" in text
