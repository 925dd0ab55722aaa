"""Which concerted modes a report names, and in what order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_concerted.report.content import Result, StudyContent

MAX_UNNAMED = 6
"""Modes drawn where the site model names none."""


def mode_entries(item: Result) -> dict[str, Mapping[str, Any]]:
    """Return the classes of one temperature by label; of a result without details the frequencies alone."""
    entries = item.content.get("modes")
    if entries:
        return {entry["label"]: entry for entry in entries}
    return {label: {"label": label, "frequency_per_cell_s": {"value": value}} for label, value in item["modes"].items()}


def raw_events(content: StudyContent) -> dict[str, int]:
    """Return the events of each mode, summed over the temperatures, before the background is subtracted."""
    totals: dict[str, int] = {}
    for item in content.modes:
        for label, entry in mode_entries(item).items():
            totals[label] = totals.get(label, 0) + int(entry.get("raw", 0))
    return totals


def ordered_modes(content: StudyContent) -> list[str]:
    """Return all modes: those named by the site model in its order, then the others with the most events first."""
    totals = raw_events(content)
    fitted = [fit["mode"] for fit in content.arrhenius if fit["quantity"] == "mode_frequency" and fit.get("mode")]
    others = {label for label in [*totals, *fitted] if label not in content.named_modes}
    return [*content.named_modes, *sorted(others, key=lambda label: (-totals.get(label, 0), label))]


def shown_modes(content: StudyContent) -> list[str]:
    """Return the modes that figures draw: the named ones, or the most frequent where none is named."""
    return list(content.named_modes) or ordered_modes(content)[:MAX_UNNAMED]
