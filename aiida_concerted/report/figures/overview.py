"""Figure of the study's provenance."""

from __future__ import annotations

from aiida_concerted.plotting import ProvenanceStage, new_figure, plot_provenance
from aiida_concerted.report.content import StageContent, StudyContent
from aiida_concerted.report.figures.base import ReportFigure, table_of
from aiida_concerted.report.published import Published

PLACES = {"relaxation": 0.5, "vacancies": 0.79}


def provenance_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the stages of the study and what was made from what."""
    stages = _stages(content)
    figure, axes = new_figure(height_ratio=1.25)
    plot_provenance(axes, stages)
    return [
        ReportFigure(
            key="provenance-overview",
            section="provenance",
            title="What was made from what",
            shows="The stages of the study; arrows point from what was used to what was made with it. Dashed boxes are "
            "stages that are not there (yet).",
            method="Drawn from the provenance graph; the whole graph is in the profile and in its archive.",
            alternative="Stages of the study: " + ", ".join(f"{s.title} ({s.detail})" for s in stages),
            uuids=(content.uuid,),
            figure=figure,
            table=table_of(
                ("stage", "state", "calculations", "elapsed_s", "job_s", "core_s", "uuid"),
                [
                    (s.name, s.state, s.n_calculations, s.elapsed_s, s.job_s, s.core_s, s.uuid)
                    for s in content.making.stages
                ],
            ),
        )
    ]


def _stages(content: StudyContent) -> list[ProvenanceStage]:
    groups = {
        "relaxation": [s for s in content.making.stages if s.name == "relax"],
        "first-principles MD": [s for s in content.making.stages if s.name.startswith("aimd")],
        "learning": [s for s in content.making.stages if s.name == "learn"],
        "sweep": [s for s in content.making.stages if s.name == "sweep"],
        "vacancies": [s for s in content.making.stages if s.name == "vacancy"],
    }
    structure = content.structure
    atoms = f"{structure['n_atoms']} atoms" if structure else "ordered cell"
    turns = max((run.turn for _, run in content.learning.explorations), default=0)
    details = {
        "relaxation": "1 structure",
        "first-principles MD": _count(len(groups["first-principles MD"]), "run"),
        "learning": f"{_count(turns, 'turn')}, {_count(len(content.learning.models), 'model')}",
        "sweep": _count(len({item.temperature_K for item in content.diffusivities}), "temperature"),
        "vacancies": _count(len(content.vacancy.get("formation_energy_eV", {})) if content.vacancy else 0, "label"),
    }
    sources = {
        "relaxation": ("structure",),
        "first-principles MD": ("relaxation",),
        "learning": ("first-principles MD",),
        "sweep": ("learning",),
        "vacancies": ("relaxation",),
    }
    made = [ProvenanceStage("structure", atoms, place=0.5)]
    for title, members in groups.items():
        place = PLACES.get(title, 0.28)
        made.append(ProvenanceStage(title, _detail(details[title], members), sources[title], _state(members), place))
    found = f"{_count(len(content.diffusivities), 'diffusivity')}, {_count(len(content.arrhenius), 'fit')}"
    state = "done" if content.diffusivities else "missing"
    made.append(ProvenanceStage("results", found, ("sweep", "vacancies"), state, 0.56))
    return made


def _detail(text: str, members: list[StageContent]) -> str:
    jobs = sum(member.n_calculations for member in members)
    return f"{text}, {_count(jobs, 'calculation')}" if members else "not there"


def _state(members: list[StageContent]) -> str:
    if not members:
        return "missing"
    if all(member.is_done for member in members):
        return "done"
    return "failed" if any(member.state.startswith("finished with") for member in members) else "missing"


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
