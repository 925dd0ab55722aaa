"""What an archive holds, and what became of its results, as text for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_concerted.archive.summary import ArchiveSummary
from aiida_concerted.archive.verify import Verdict
from aiida_concerted.cli.result_table import VIEWS, render

MAX_ROWS = 20
STORED_DIGITS = 1e-12
"""AiiDA keeps fourteen digits of a number; what lies below is no deviation."""


def describe(summary: ArchiveSummary) -> str:
    """Return a summary as text: facts first, then a table of each kind of result."""
    nodes = ", ".join(f"{number} {kind}" for kind, number in summary.n_nodes.items())
    lines = [
        f"{summary.path}: {summary.size_bytes / 1e6:.2f} MB, AiiDA {summary.aiida_version}, {summary.created}",
        f"Materials: {', '.join(summary.materials) or 'none'}",
        f"Nodes:     {nodes}",
        *_describe_manifest(summary.manifest or {}),
        *(f"Study:     {study.uuid} {_clean(study.label)} {study.state}" for study in summary.studies),
        "Processes: "
        + (
            ", ".join(f"{number} {_clean(name)} {state}" for (name, state), number in summary.processes.items())
            or "none"
        ),
    ]
    if summary.n_potcars:
        lines.append(
            f"Do not share it: {summary.n_potcars} nodes hold the text of POTCARs. "
            f"'aiida-concerted archive scrub {summary.path}' takes it out."
        )
    for table in summary.results:
        lines += ["", f"{table.kind.capitalize()} ({len(table)})", render(VIEWS[table.kind], table.head(MAX_ROWS))]
        if len(table) > MAX_ROWS:
            lines.append(f"… and {len(table) - MAX_ROWS} more; --format json holds all.")
    return "\n".join(lines)


def _describe_manifest(manifest: Mapping[str, Any]) -> list[str]:
    """Return what the maker of an archive says of it."""
    if not manifest:
        return []
    versions = ", ".join(f"{name} {version}" for name, version in dict(manifest.get("software", {})).items())
    return [
        f"Licence:   {_clean(manifest.get('licence', 'not stated'))}",
        f"Cite:      {_clean(manifest.get('citation', 'not stated'))}",
        f"Made with: {_clean(versions)}",
    ]


def describe_verdict(verdict: Verdict) -> str:
    """Return one line on one result."""
    number = "" if (verdict.deviation or 0.0) < STORED_DIGITS else f"  by {verdict.deviation:.1e}"
    reason = f"  ({_clean(verdict.reason)})" if verdict.reason else ""
    return f"{verdict.outcome:8s} {verdict.uuid[:8]}  {_clean(verdict.name)}{number}{reason}"


def _clean(text: str) -> str:
    """Return text from an archive without control characters."""
    return "".join(character for character in str(text) if character.isprintable())
