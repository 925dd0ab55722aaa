"""The answer to a query in the terminal: aligned columns with units, or CSV and JSON with everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich.cells import cell_len

from aiida_concerted.common.numbers import UNKNOWN, format_estimate, format_interval, format_number
from aiida_concerted.common.stand_in import is_stand_in
from aiida_concerted.common.units import S_PER_M_IN_MS_PER_CM
from aiida_concerted.materials import short_source
from aiida_concerted.queries import ResultTable

Row = Mapping[str, Any]
UUID_LENGTH = 8
SOURCE_LENGTH = 40


@dataclass(frozen=True)
class View:
    """A column as people read it.

    :param heading: its heading, with the unit.
    :param text: the cell of a row.
    :param is_text: whether the cells are words, which stand on the left.
    """

    heading: str
    text: Callable[[Row], str]
    is_text: bool = False


def write_table(table: ResultTable, *, form: str, columns: str | None, is_filtered: bool = True) -> None:
    """Print a table.

    :param form: ``table``, ``csv`` or ``json``.
    :param columns: names joined by commas; ``all`` for every column; without it the table shows a choice, and the other
        forms everything.
    :param is_filtered: whether rows had to meet anything.
    :raises ValueError: if a column is unknown.
    """
    chosen = _chosen(table, columns)
    if table.n_newer:
        click.echo(
            f"Left out: {table.n_newer} {table.kind} of a newer aiida-concerted. Upgrade this one to read them.",
            err=True,
        )
    if form == "json":
        click.echo(chosen.to_json())
    elif form == "csv":
        click.echo(chosen.to_csv(), nl=False)
    elif not len(table):
        everything = f"No {table.kind} meet this. 'aiida-concerted query {table.kind}' lists all of them."
        click.echo(everything if is_filtered else f"There are no {table.kind} in this profile.", err=True)
    else:
        views = VIEWS[table.kind] if columns is None else tuple(_raw(name) for name in chosen.columns)
        click.echo(render(views, table))
        for note in stand_ins(table):
            click.echo(note, err=True)


def stand_ins(table: ResultTable) -> list[str]:
    """Return a line for each stand-in for first principles that rows come from, so that none is taken for a result."""
    theories = Counter(theory for row in table if is_stand_in(theory := row.get("level_of_theory")))
    return [f"! {number} of {len(table)} from {_short(theory, None)}" for theory, number in theories.items()]


def render(views: Sequence[View], table: Iterable[Row]) -> str:
    """Return aligned text with a heading; columns without any value are left out."""
    rows = list(table)
    columns = [(view, [view.text(row) for row in rows]) for view in views]
    shown = [(view, cells) for view, cells in columns if any(cell != UNKNOWN for cell in cells)]
    padded = [_padded(view, cells) for view, cells in shown]
    return "\n".join("  ".join(line).rstrip() for line in zip(*padded, strict=True))


def _padded(view: View, cells: list[str]) -> list[str]:
    lines = [view.heading, *cells]
    width = max(cell_len(line) for line in lines)
    lines.insert(1, "─" * width)
    fill = [" " * (width - cell_len(line)) for line in lines]
    return [line + blank if view.is_text else blank + line for line, blank in zip(lines, fill, strict=True)]


def _chosen(table: ResultTable, columns: str | None) -> ResultTable:
    if columns is None or columns.strip() == "all":
        return table
    return table.select([name.strip() for name in columns.split(",") if name.strip()])


def _word(name: str, heading: str = "", length: int | None = None) -> View:
    return View(heading or name.replace("_", " "), lambda row: _short(row[name], length), is_text=True)


def _short(value: Any, length: int | None) -> str:
    if value is None or value == "":
        return UNKNOWN
    words = value if isinstance(value, list) else [value]
    text = " ".join(f"{word:g}" if isinstance(word, float) else str(word) for word in words)
    # Names come from anybody's archive, and must not reach the terminal as control characters.
    text = "".join(character for character in text if character.isprintable())
    return text if length is None else text[:length]


def _source(row: Row) -> str:
    """Return kind and author of a published number, nothing for a computed one."""
    return f"{row['level_of_theory']}, {short_source(row['source'])}" if row["source"] else ""


def _number(name: str, heading: str, digits: int = 3, scale: float = 1.0) -> View:
    return View(heading, lambda row: UNKNOWN if row[name] is None else format_number(scale * row[name], digits))


def _count(name: str, heading: str) -> View:
    return View(heading, lambda row: UNKNOWN if row[name] is None else f"{row[name]:.6g}")


def _estimate(name: str, stderr: str, heading: str, scale: float = 1.0) -> View:
    def text(row: Row) -> str:
        if row[name] is None:
            return UNKNOWN
        error = row[stderr]
        return format_estimate(scale * row[name], None if error is None else scale * error)

    return View(heading, text)


def _interval(name: str, lower: str, upper: str, heading: str, scale: float = 1.0) -> View:
    def text(row: Row) -> str:
        if row[name] is None:
            return UNKNOWN
        ends = (None if row[end] is None else scale * row[end] for end in (lower, upper))
        return format_interval(scale * row[name], *ends)

    return View(heading, text)


def _raw(name: str) -> View:
    """Return a column as it is stored, under its own name."""

    def text(row: Row) -> str:
        value = row[name]
        return f"{value:.6g}" if isinstance(value, float) else _short(value, None)

    return View(name, text)


_PK = _count("pk", "PK")
_MATERIAL = _word("material")
_TEMPERATURE = _count("temperature_K", "T (K)")
_THEORY = _word("level_of_theory", length=28)


def _study(row: Row) -> str:
    """Return the beginning of the UUID of the study, or else the PK of the work chain that returned the result."""
    chain = row.get("workchain")
    return _short(row["study_uuid"], UUID_LENGTH) if row["study_uuid"] or chain is None else f"<{chain}>"


_STUDY = View("study", _study, is_text=True)
_SOURCE = View("source", lambda row: _short(_source(row), SOURCE_LENGTH), is_text=True)

VIEWS: dict[str, tuple[View, ...]] = {
    "diffusivities": (
        _PK, _MATERIAL, _TEMPERATURE,
        _estimate("diffusivity_m2_s", "diffusivity_stderr_m2_s", "D (m² s⁻¹)"),
        _estimate("conductivity_S_m", "conductivity_stderr_S_m", "σ (mS cm⁻¹)", S_PER_M_IN_MS_PER_CM),
        _estimate("haven_ratio", "haven_ratio_stderr", "Haven ratio"),
        _word("sampling"), _count("n_atoms", "atoms"), _STUDY, _SOURCE,
    ),
    "arrhenius": (
        _PK, _MATERIAL, _word("quantity"), _word("mode"),
        _estimate("activation_energy_eV", "activation_energy_stderr_eV", "Eₐ (eV)"),
        _number("prefactor", "prefactor"), _word("prefactor_unit", "in"),
        _interval(
            "conductivity_300K_S_m", "conductivity_300K_lower_S_m", "conductivity_300K_upper_S_m",
            "σ at 300 K (mS cm⁻¹)", S_PER_M_IN_MS_PER_CM,
        ),
        _word("temperatures_K", "T (K)"),
        _count("n_events", "events"), _STUDY, _word("reason", length=48), _SOURCE,
    ),
    "modes": (
        _PK, _MATERIAL, _word("mode"), _TEMPERATURE,
        _interval(
            "frequency_per_cell_s", "frequency_lower_per_cell_s", "frequency_upper_per_cell_s", "per cell (s⁻¹)"
        ),
        _count("n_events", "events"), _count("window_ps", "window (ps)"), _STUDY,
    ),
    "occupancies": (
        _PK, _MATERIAL, _word("site"), _TEMPERATURE,
        _estimate("occupancy", "occupancy_stderr", "occupancy"),
        _interval("residence_time_ps", "residence_time_lower_ps", "residence_time_upper_ps", "residence (ps)"), _STUDY,
        _SOURCE,
    ),
    "vacancies": (
        _PK, _MATERIAL, _word("site"), _number("formation_energy_eV", "E_f (eV)"), _number("spread_eV", "spread (eV)"),
        _count("n_sites", "sites"), _count("n_atoms", "atoms"), _THEORY, _STUDY, _SOURCE,
    ),
    "potentials": (
        _PK, _MATERIAL, _word("type_map", "elements"), _count("cutoff_A", "cutoff (Å)"), _word("version", "DeePMD"),
        _count("seed", "seed"), _word("sha256", "SHA-256", UUID_LENGTH), _THEORY, _STUDY,
    ),
    "frames": (
        _PK, _MATERIAL, _word("formula"), _count("n_frames", "frames"), _count("n_atoms", "atoms"),
        _word("has_virials", "virials"), _word("content_hash", "content", UUID_LENGTH), _THEORY, _STUDY,
    ),
    "trajectories": (
        _PK, _MATERIAL, _word("carrier"), _TEMPERATURE, _count("n_frames", "frames"),
        _count("frame_interval_ps", "Δt (ps)"), _count("n_atoms", "atoms"),
        _word("potential_sha256", "potential", UUID_LENGTH), _THEORY, _STUDY,
    ),
}  # fmt: skip
"""What the terminal shows of each kind where no columns are named."""
