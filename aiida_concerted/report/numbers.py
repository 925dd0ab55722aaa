"""All numbers of a report as plain data, for texts and tables that are written elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiida import orm

from aiida_concerted import __version__
from aiida_concerted.report.caveats import caveats
from aiida_concerted.report.claims import judge_claims
from aiida_concerted.report.comparison import as_record, compare_numbers
from aiida_concerted.report.content import StudyContent
from aiida_concerted.report.gather import gather_study
from aiida_concerted.report.gather_trajectories import with_trajectories
from aiida_concerted.report.published import Published
from aiida_concerted.report.run_numbers import run_numbers
from aiida_concerted.report.summary import rows_of


def study_numbers(study: orm.ProcessNode) -> dict[str, Any]:
    """Return what the report of a study says in numbers: results, comparison with published ones, claims, warnings.

    :param study: the study, or a sweep, in whatever state it is.
    """
    return numbers_of(with_trajectories(gather_study(study), study))


def numbers_of(content: StudyContent) -> dict[str, Any]:
    """Return the same of gathered content."""
    published = Published.of(content.material)
    return {
        "study": {
            "uuid": content.uuid, "label": content.label, "state": content.state, "material": content.material,
            "formula": content.formula, "carrier": content.carrier, "level_of_theory": content.level_of_theory,
            "is_surrogate": content.is_surrogate, "written_by": f"aiida-concerted {__version__}",
        },
        "warnings": list(caveats(content)),
        "results": [_without_none(asdict(row)) for row in rows_of(content, published)],
        "comparison": [as_record(item) for item in compare_numbers(content, published)],
        "claims": [asdict(item) for item in judge_claims(content, published)],
        **run_numbers(content),
        "errors": [dict(turn.get("metrics", {})) for turn in content.learning.turns],
    }  # fmt: skip


def _without_none(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value is not None}
