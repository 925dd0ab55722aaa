"""The report of a study as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiida import orm
from jinja2 import BaseLoader, Environment, StrictUndefined

from aiida_concerted import __version__
from aiida_concerted.common.files import write_at_once
from aiida_concerted.common.numbers import format_duration
from aiida_concerted.plotting.files import csv_text
from aiida_concerted.report.caveats import SURROGATE_BANNER, caveats
from aiida_concerted.report.claims import Verdict, judge_claims
from aiida_concerted.report.comparison import Comparison, as_record, compare_numbers, comparison_table
from aiida_concerted.report.content import StudyContent
from aiida_concerted.report.figures import ReportFigure, make_figures
from aiida_concerted.report.gather import gather_study
from aiida_concerted.report.gather_trajectories import with_trajectories
from aiida_concerted.report.published import Published
from aiida_concerted.report.summary import rows_of
from aiida_concerted.report.tables import Table, error_table, headline_tables
from aiida_concerted.report.turn_tables import exploration_table, turn_table

SECTIONS = {
    "diffusion": "Diffusion",
    "modes": "Concerted modes",
    "sites": "Sites",
    "structure": "Pair functions",
    "vacancies": "Vacancies",
    "learning": "Learning",
    "provenance": "Provenance",
}


SCRIPTS = ("report.js", "report_raster.js", "report_scene.js", "report_start.js")
"""The parts of the page's script, in order; each leaves its functions to those after it."""


def write_report(study: orm.ProcessNode, path: Path) -> None:
    """Write the report of a study, whatever state it is in; the file appears at once or not at all.

    :param study: the study, or a sweep.
    :param path: HTML file; an existing one is replaced.
    :raises OSError: if the file cannot be written.
    """
    write_at_once(Path(path), render_report(with_trajectories(gather_study(study), study)))


def render_report(content: StudyContent) -> str:
    """Return the report as HTML."""
    published = Published.of(content.material)
    figures = make_figures(content, published)
    headline = headline_tables(content, rows_of(content, published), published, all_modes=True)
    templates = files(__package__).joinpath("templates")
    # Escaping is on for every template: names and messages come from users and programs.
    environment = Environment(
        loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    # The page's policy lets this script run by its hash and no other, whatever a name may have smuggled in.
    script = "".join(templates.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS)
    verdicts = judge_claims(content, published)
    comparisons = compare_numbers(content, published)
    template = environment.from_string(templates.joinpath("report.html.j2").read_text(encoding="utf-8"))
    return template.render(
        content=content,
        banner=SURROGATE_BANNER if content.is_surrogate else None,
        caveats=caveats(content),
        headline=headline,
        sections=_sections(content, figures),
        verdicts=verdicts,
        verdicts_csv=_verdicts_csv(verdicts),
        comparison=comparison_table(comparisons),
        comparison_csv=_comparison_csv(comparisons),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        learning=[table for table in _learning(content) if table.rows],
        making=_making(content),
        citations=published.citations(),
        style=templates.joinpath("report.css").read_text(encoding="utf-8"),
        version=__version__,
    )


def _learning(content: StudyContent) -> list[Table]:
    """Return the tables of the learning loop: its turns, their explorations, the errors of its committees."""
    loop = content.learning
    return [turn_table(loop.summaries, loop.stopped), exploration_table(loop.summaries), error_table(content)]


def _sections(content: StudyContent, figures: list[ReportFigure]) -> list[dict[str, Any]]:
    """Return the sections in order with their figures, those of one group together; one without figures says so."""
    return [
        {"key": key, "title": title, "blocks": _blocks([figure for figure in figures if figure.section == key])}
        for key, title in SECTIONS.items()
    ]


def _blocks(figures: list[ReportFigure]) -> list[list[ReportFigure]]:
    """Return single figures and groups of which one is shown at a time, where the first of each stands."""
    blocks: dict[str, list[ReportFigure]] = {}
    for figure in figures:
        blocks.setdefault(figure.group or figure.key, []).append(figure)
    return list(blocks.values())


def _verdicts_csv(verdicts: list[Verdict]) -> str:
    rows = [(v.key, v.claim, v.verdict, v.numbers, v.rule, " ".join(v.uuids)) for v in verdicts]
    return _csv_uri(("claim", "statement", "verdict", "numbers", "rule", "uuids"), rows)


def _comparison_csv(comparisons: list[Comparison]) -> str:
    records = [as_record(item) for item in comparisons]
    columns = tuple(dict.fromkeys(key for record in records for key in record))
    rows = [
        tuple(" ".join(entry) if isinstance(entry := record.get(key, ""), list) else entry for key in columns)
        for record in records
    ]
    return _csv_uri(columns, rows)


def _csv_uri(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    return "data:text/csv;charset=utf-8;base64," + base64.b64encode(csv_text(columns, rows).encode()).decode()


def _making(content: StudyContent) -> list[Table]:
    """Return how the study was made: cost by stage, codes, versions, potentials."""
    stages = tuple(
        (s.name, s.state, str(s.n_calculations), format_duration(s.elapsed_s), f"{s.core_s / 3600:.2f}")
        for s in content.making.stages
    )
    codes = tuple((c.label, c.executable, c.computer, c.plugin, str(c.n_calculations)) for c in content.making.codes)
    potentials = tuple(
        (str(m["name"]), str(m.get("seed", "")), f"{m.get('cutoff_A', 0):g}", str(m.get("version", "")), m.uuid)
        for m in content.learning.models
    )
    note = "Times run from submission to the last change, waiting included; core hours are these times cores."
    tables = [
        Table(
            "cost",
            "Stages and their cost",
            ("Stage", "State", "Calculations", "Elapsed", "Core hours"),
            stages,
            (note,),
        ),
        Table("codes", "Codes", ("Code", "Executable", "Computer", "Plugin", "Calculations"), codes),
        Table("versions", "Versions", ("Software", "Version"), tuple(content.making.versions.items())),
        Table("potentials", "Potentials", ("Name", "Seed", "Cutoff (Å)", "DeePMD-kit", "UUID"), potentials),
    ]
    return [table for table in tables if table.rows]
