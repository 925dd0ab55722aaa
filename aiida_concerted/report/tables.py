"""The headline numbers as tables, for the terminal and the page alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida_concerted.common.numbers import UNKNOWN, format_number
from aiida_concerted.report.content import StudyContent
from aiida_concerted.report.published import OCCUPANCY, Published, describe
from aiida_concerted.report.summary import SummaryRow, mode_counts

MAX_UNNAMED_MODES = 5
"""Modes that the site model does not name, shown where space is short."""


@dataclass(frozen=True)
class Table:
    """A table of text.

    :param key: short name.
    :param title: caption.
    :param columns: headings, units in parentheses.
    :param rows: cells; the first is the heading of its row.
    :param notes: remarks below the table.
    """

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def headline_tables(
    content: StudyContent, rows: Sequence[SummaryRow], published: Published, *, all_modes: bool
) -> list[Table]:
    """Return the tables that have rows: diffusion, occupancies, activation energies, modes, vacancies.

    :param all_modes: whether to list every class of concerted hops instead of the named and the most frequent.
    """
    tables = [
        _diffusion(rows),
        _occupancy(rows, published),
        _activation(rows),
        _modes(content, rows, all_modes=all_modes),
        _vacancies(rows),
    ]
    return [table for table in tables if table.rows]


def _of(rows: Sequence[SummaryRow], section: str) -> list[SummaryRow]:
    return [row for row in rows if row.section == section]


def _temperatures(rows: Sequence[SummaryRow]) -> list[float]:
    return sorted({row.temperature_K for row in rows if row.temperature_K is not None})


def _diffusion(rows: Sequence[SummaryRow]) -> Table:
    found = {(row.quantity, row.temperature_K): row for row in _of(rows, "diffusion")}
    lines = []
    for T in _temperatures(_of(rows, "diffusion")):
        cells = [found.get((quantity, T)) for quantity in ("tracer_diffusivity", "conductivity", "haven_ratio")]
        main = cells[0]
        mark = " *" if main is not None and main.note else ""
        beside = "; ".join(main.published) if main is not None else ""
        lines.append((f"{T:g}{mark}", *(cell.text if cell else UNKNOWN for cell in cells), beside or UNKNOWN))
    notes = ["± is one standard error. Conductivity: Nernst–Einstein. Haven ratio: tracer over charge diffusivity."]
    haven = next(
        (row.published for row in _of(rows, "diffusion") if row.quantity == "haven_ratio" and row.published), ()
    )
    if haven:
        notes.append(f"Published Haven ratio: {'; '.join(haven)}.")
    if any(line[-1].startswith("≈") for line in lines):
        notes.append("≈: on the line through the published diffusivity with the published activation energy.")
    if any("*" in line[0] for line in lines):
        notes.append("*: insufficient sampling, an order of magnitude.")
    columns = ("T (K)", "D (m² s⁻¹)", "σ (mS cm⁻¹)", "Haven ratio", "Published D (m² s⁻¹)")
    return Table("diffusion", "Diffusion", columns, tuple(lines), tuple(notes))


def _occupancy(rows: Sequence[SummaryRow], published: Published) -> Table:
    found = {(row.label, row.temperature_K): row for row in _of(rows, "occupancy")}
    labels = list(dict.fromkeys(str(row.label) for row in _of(rows, "occupancy")))
    lines = []
    for T in _temperatures(_of(rows, "occupancy")):
        cells = [found.get((label, T)) for label in labels]
        lines.append((f"{T:g}", *(cell.text if cell else UNKNOWN for cell in cells)))
    beside = [
        f"{value.label} at {value.temperature_K:g} K: {describe(value)}"
        for value in published.find(OCCUPANCY)
        if value.temperature_K
    ]
    notes = ("Published: " + "; ".join(beside) + ".",) if beside else ()
    return Table("occupancy", "Occupancy (carriers per site)", ("T (K)", *labels), tuple(lines), notes)


def _activation(rows: Sequence[SummaryRow]) -> Table:
    names = {
        "activation_energy": "Eₐ of the diffusivity (eV)",
        "tracer_diffusivity": "D at 300 K, extrapolated (m² s⁻¹)",
    }
    lines = []
    for row in _of(rows, "activation"):
        own = row.text if row.value is not None else f"{UNKNOWN} {row.note}"
        lines.append((names[row.quantity], own, "; ".join(row.published) or UNKNOWN))
    notes = (
        ("Range in parentheses: 95 % interval.",) if any("(" in line[1] and "–" in line[1] for line in lines) else ()
    )
    return Table(
        "activation", "Activation energy of diffusion", ("Quantity", "This study", "Published"), tuple(lines), notes
    )


def _modes(content: StudyContent, rows: Sequence[SummaryRow], *, all_modes: bool) -> Table:
    found = _of(rows, "modes")
    named = [row for row in found if row.label in content.named_modes]
    others = [row for row in found if row.label not in content.named_modes]
    shown = named + (others if all_modes else others[:MAX_UNNAMED_MODES])
    lines = []
    for row in shown:
        cells = [str(row.label), row.text, "; ".join(row.published) or UNKNOWN, row.note]
        lines.append(tuple([*cells, mode_counts(content, str(row.label)) or UNKNOWN] if all_modes else cells))
    hidden = len(found) - len(shown)
    notes = [f"{hidden} further classes of hops are in the report."] if hidden else []
    columns = [
        "Mode",
        "Eₐ (eV)",
        "Published Eₐ (eV)",
        "Events, background included",
        *(["Counts less background"] if all_modes else []),
    ]
    return Table("modes", "Concerted modes", tuple(columns), tuple(lines), tuple(notes))


def _vacancies(rows: Sequence[SummaryRow]) -> Table:
    lines = [
        (str(row.label), row.text, "; ".join(row.published) or UNKNOWN, row.note) for row in _of(rows, "vacancies")
    ]
    columns = ("Site", "Energy (eV)", "Published (eV)", "Sites computed")
    return Table("vacancies", "Vacancy formation energy", columns, tuple(lines))


def error_table(content: StudyContent) -> Table:
    """Return the errors of each turn's committee on held-out and training frames: the range over its members."""
    lines = []
    for turn in content.learning.turns:
        metrics = list(turn.get("metrics", {}).values())
        name = str(turn["turn"]) if "runs" in turn else f"{turn['turn']} (final)"
        name = name if content.learning.explorations else UNKNOWN
        for title, parts in _errors_shown(metrics):
            energy, force = (_range(parts, column) for column in ("rmse_energy_eV_per_atom", "rmse_force_eV_A"))
            lines.append((name, title, str(parts[0].get("n_frames", UNKNOWN)), energy, force))
    columns = ("Turn", "Frames", "Number", "Energy RMSE (meV/atom)", "Force RMSE (meV Å⁻¹)")
    return Table("errors", "Errors of the committee, smallest to largest of its members", columns, tuple(lines))


def _errors_shown(metrics: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield what frames errors are of, and these errors of each member; single datasets where there were several."""
    for key, title in (("held_out", "held-out"), ("in_set", "training")):
        parts = [item[key] for item in metrics if isinstance(item.get(key), dict)]
        if parts:
            yield title, parts
        apart = [item[f"{key}_by_dataset"] for item in metrics if f"{key}_by_dataset" in item]
        for dataset in apart[0] if apart else ():
            yield f"{title}: {dataset}", [item[dataset] for item in apart if dataset in item]
    precise = [item["precision"] for item in metrics if "precision" in item]
    if precise:
        yield f"{precise[0]['nets']} against double precision", precise


def _range(parts: Sequence[dict[str, float]], key: str) -> str:
    values = sorted(1000.0 * part[key] for part in parts if part.get(key) is not None)
    if not values:
        return UNKNOWN
    ends = dict.fromkeys(format_number(value) for value in (values[0], values[-1]))
    return " to ".join(ends)
