"""What an archive holds, and what became of its results, as text for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_concerted.archive.cut import Cut
from aiida_concerted.archive.graph import Amount
from aiida_concerted.archive.summary import ArchiveSummary
from aiida_concerted.archive.verify import AGREES, DIFFERS, LEFT_OUT, Verdict
from aiida_concerted.cli.archive_size import size_of
from aiida_concerted.cli.result_table import VIEWS, render

MAX_ROWS = 20
MAX_KINDS = 6
MAX_CONTENTS = 20
"""Kinds of nodes that the table of contents shows, the largest; chosen: it fits a screen."""
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
        *describe_cut(manifest.get("cut")),
    ]


def describe_cut(cut: Any) -> list[str]:
    """Return what was left out of an archive and where the cut runs, as its manifest says."""
    if not isinstance(cut, Mapping):
        return []
    amounts = {kind: dict(amount) for kind, amount in dict(cut.get("left_out", {})).items()}
    total = sum(amount.get("bytes", 0) for amount in amounts.values())
    number = sum(amount.get("nodes", 0) for amount in amounts.values())
    kinds = ", ".join(f"{amount.get('nodes')} {_clean(kind)}" for kind, amount in list(amounts.items())[:MAX_KINDS])
    rest = ", …" if len(amounts) > MAX_KINDS else ""
    lines = [
        f"Content:   {_clean(cut.get('content', 'unknown'))}; {number} nodes were left out, {size_of(total)} of files: "
        f"{kinds}{rest}"
    ]
    return [*lines, *describe_edges(cut)]


def describe_contents(contents: Mapping[str, Amount], cut: Cut | None) -> list[str]:
    """Return a table of what is in an archive and what is not: nodes and bytes of their files, by kind."""
    left_out = cut.left_out if cut is not None else {}
    none = Amount(0, 0)

    def size(kind: str) -> tuple[int, int, str]:
        both = (contents.get(kind, none), left_out.get(kind, none))
        return -sum(amount.bytes for amount in both), -sum(amount.nodes for amount in both), kind

    kinds = sorted({*contents, *left_out}, key=size)
    shown_kinds, rest = kinds[:MAX_CONTENTS], kinds[MAX_CONTENTS:]
    rows: list[tuple[str, ...]] = [
        (_clean(kind), *_cells(contents.get(kind)), *_cells(left_out.get(kind))) for kind in shown_kinds
    ]
    if rest:
        others = [{kind: amounts[kind] for kind in rest if kind in amounts} for amounts in (contents, left_out)]
        rows.append((f"{len(rest)} other kinds", *(cell for amounts in others for cell in _cells(_total(amounts)))))
    rows.append(("total", *_cells(_total(contents)), *_cells(_total(left_out))))
    table = [("kind of node", "nodes", "files", "left out", "files"), *rows]
    shown = table if left_out else [row[:3] for row in table]
    widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in shown]
    return [lines[0], "─" * len(lines[0]), *lines[1:]]


def _total(amounts: Mapping[str, Amount]) -> Amount:
    return Amount(sum(each.nodes for each in amounts.values()), sum(each.bytes for each in amounts.values()))


def _cells(amount: Amount | None) -> tuple[str, str]:
    return ("–", "–") if amount is None else (str(amount.nodes), size_of(amount.bytes))


def describe_edges(cut: Mapping[str, Any]) -> list[str]:
    """Return where a cut runs, as a manifest says."""
    edges = [dict(edge) for edge in cut.get("runs_between", [])]
    inputs = [edge for edge in edges if edge.get("missing") == "input"]
    made = [edge for edge in edges if edge.get("missing") == "creator"]
    lines = [
        f"Cut:       {_clean(e.get('process'))} without its {e.get('number')} {_clean(e.get('kind'))}" for e in inputs
    ]
    lines += [
        f"Cut:       {e.get('number')} {_clean(e.get('kind'))} without their {_clean(e.get('process'))}" for e in made
    ]
    return lines


def describe_verdict(verdict: Verdict) -> str:
    """Return one line on one result."""
    number = "" if (verdict.deviation or 0.0) < STORED_DIGITS else f"  by {verdict.deviation:.1e}"
    reason = f"  ({_clean(verdict.reason)})" if verdict.reason else ""
    return f"{verdict.outcome:8s} {verdict.uuid[:8]}  {_clean(verdict.name)}{number}{reason}"


def describe_outcomes(outcomes: Sequence[str]) -> list[str]:
    """Return how many results agree, differ, and were not checked, and why not."""
    agree, differ, left_out = (outcomes.count(outcome) for outcome in (AGREES, DIFFERS, LEFT_OUT))
    unchecked = len(outcomes) - agree - differ
    lines = [f"{agree} agree, {differ} differ, {unchecked} were not checked."]
    if left_out:
        lines.append(
            f"Not checked: {left_out} whose inputs are not in this archive; 'archive inspect' shows what was left out."
        )
    if unchecked > left_out:
        lines.append(
            f"Not checked: {unchecked - left_out} that could not be computed again; the reason is in their line."
        )
    return lines


def _clean(text: object) -> str:
    """Return text from an archive without control characters."""
    return "".join(character for character in str(text) if character.isprintable())
