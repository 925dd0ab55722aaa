"""A DP-GEN project as the content of a study file."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida_concerted.formats.deepmd_input import TrainingParameters
from aiida_concerted.imports.dpgen.account import Account
from aiida_concerted.imports.dpgen.choosing import translate_selection
from aiida_concerted.imports.dpgen.exploration import Job, read_jobs, translate_jobs
from aiida_concerted.imports.dpgen.labels import Labels, translate_labels
from aiida_concerted.imports.dpgen.machine import translate_machine
from aiida_concerted.imports.dpgen.project import Project, has_usual_masses
from aiida_concerted.imports.dpgen.systems import Composition, Systems, find_systems, say_systems, usable_systems
from aiida_concerted.imports.dpgen.training import translate_training

CARRIERS = ("Li", "Na", "K", "Ag", "Cu")
"""Elements that move in the solid electrolytes of one kind of carrier; of which there must be one."""

ROLES = ("dp", "lmp", "vasp")


@dataclass(frozen=True)
class Wishes:
    """What a user says beside the project's own files.

    :param carrier: element that moves.
    :param material: key of the material.
    :param codes: label of the code of each role.
    :param family: label of the POTCAR family.
    """

    carrier: str | None = None
    material: str | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    family: str | None = None


@dataclass(frozen=True)
class Translation:
    """A project in our words, but for what depends on its data.

    :param project: the project.
    :param account: what became of each key of ``param.json``.
    :param machine: what became of each key of ``machine.json``.
    :param committee: overrides of the committees of the turns.
    :param final: overrides of the final committee.
    :param jobs: what is still to be explored.
    :param systems: every structure that can be read.
    :param label: overrides of the labelling.
    :param labels: how labels are computed.
    :param resources: scheduler options of each code.
    """

    project: Project
    account: Account
    machine: Account
    committee: Mapping[str, Any]
    final: Mapping[str, Any]
    jobs: tuple[Job, ...]
    systems: Systems
    label: Mapping[str, Any]
    labels: Labels
    resources: Mapping[str, Any]

    @property
    def cutoff_A(self) -> float:
        """Return the cutoff of the potentials in Å."""
        return float(self.committee["train"].get("cutoff_A", TrainingParameters.cutoff_A))


def translate(project: Project, progress: Callable[[int, int], None] = lambda done, total: None) -> Translation:
    """Return a project in our words.

    :param progress: is told how many structures have been read, and of how many.
    :raises ValueError: in one line, if something in its files cannot be meant.
    """
    account = Account.of_param(project.param)
    committee, final = translate_training(project, account)
    jobs = read_jobs(project, account)
    label, labels = translate_labels(project, account)
    resources, machine = translate_machine(project)
    account.carried("model_devi_engine", "codes.lmp")
    if has_usual_masses(project.param):
        account.carried("mass_map", "", "masses are the standard atomic weights")
    else:
        account.left_out("mass_map", "masses are the standard atomic weights: isotopes cannot be given")
    for key, what in (("model_devi_nopbc", "cells are periodic"), ("use_ele_temp", "electrons have no temperature")):
        account.carried(key, "", what)
    systems = find_systems(project, progress)
    return Translation(
        project, account, machine, committee, final, tuple(jobs), systems, label, labels, resources
    )  # fmt: skip


def choose_carrier(project: Project, wished: str | None) -> str:
    """Return the element that moves.

    :raises ValueError: if the project lacks it, or it cannot be told.
    """
    there = [symbol for symbol in CARRIERS if symbol in project.type_map]
    if wished is None and len(there) != 1:
        raise ValueError(f"which of {', '.join(project.type_map)} moves is not said in {project.name}: give --carrier")
    if wished is not None and wished not in project.type_map:
        raise ValueError(f"--carrier: {project.name} has no {wished}, only {', '.join(project.type_map)}")
    return wished or there[0]


@dataclass(frozen=True)
class Composed:
    """The content of a study file.

    :param content: it, without the dataset to begin with.
    :param composition: of the atoms that the study is about; ``None`` where no structure can be explored.
    :param lost: why structures cannot be explored, one line each.
    """

    content: dict[str, Any]
    composition: Composition | None
    lost: tuple[str, ...]


def compose(found: Translation, wishes: Wishes, frames: Mapping[Composition, int], folder: Path) -> Composed:
    """Return the content of the study file.

    :param frames: number of frames of each composition.
    :param folder: folder of the study file, to which paths are relative where they lie in it.
    :raises ValueError: if the selection or the dynamics would be refused, or the carrier is not known.
    """
    project, account = found.project, found.account
    used = {index for job in found.jobs for index in job.systems}
    systems, composition = usable_systems(found.systems, cutoff_A=found.cutoff_A, used=used, frames=frames)
    schedule, md = translate_jobs(project, found.jobs, systems, account)
    selection = translate_selection(project, found.jobs, systems, account)
    named = {name for stage in schedule for name in stage["structures"]}
    # A level for a structure that no stage explores would be refused.
    levels = [entry for entry in selection.pop("levels", []) if entry["system"] in named]
    explore = {"selection": {**selection, **({"levels": levels} if levels else {})}, "md": md, "schedule": schedule}
    structures = {one.name: _place(one.path, folder) for one in systems.kept if one.name in named}
    say_systems(systems, len(structures), account)
    turns = sum(stage["turns"] for stage in schedule) or len(found.jobs) or 1
    learn = {
        "structures": structures,
        "min_iterations": turns,
        "max_iterations": turns,
        "iteration": {"committee": found.committee, "explore": explore, "label": found.label},
        "final": found.final,
    }
    head = {
        "material": wishes.material,
        "carrier": choose_carrier(project, wishes.carrier),
        "protocol": "balanced",
        "codes": dict(wishes.codes),
        "potcars": {"family": wishes.family, "mapping": found.labels.mapping},
        "resources": found.resources,
        "learn": learn,
    }
    return Composed(_pruned(head), composition, systems.lost)


def to_do(content: Mapping[str, Any]) -> list[str]:
    """Return what a study file lacks before it can run, one line each."""
    codes, potcars, learn = content.get("codes", {}), content.get("potcars", {}), content["learn"]
    lines = []
    missing = [role for role in ROLES if role not in codes]
    if missing:
        lines.append(f"name the codes in 'codes': {', '.join(missing)} ('verdi code list' shows them)")
    if "family" not in potcars:
        names = ", ".join(sorted(potcars.get("mapping", {}).values()))
        lines.append("name in potcars.family a POTCAR family" + (f" that has {names}" if names else ""))
    if "structures" not in learn:
        lines.append("name the structures to explore in learn.structures, and the stages in learn.iteration.explore")
    if "dataset" not in learn:
        lines.append("give learn.dataset, PK or UUID of the frames to begin with")
    return lines


def _place(path: Path, folder: Path) -> str:
    absolute = Path(os.path.abspath(path))
    root = Path(os.path.abspath(folder))
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else str(absolute)


def _pruned(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a dictionary without what is empty."""
    found = {}
    for key, value in content.items():
        inner = _pruned(value) if isinstance(value, Mapping) else copy.deepcopy(value)
        if inner is not None and inner != {} and inner != []:
            found[key] = inner
    return found
