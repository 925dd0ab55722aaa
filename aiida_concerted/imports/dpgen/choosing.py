"""DP-GEN's trust levels, caps and screens as the settings of a selection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.imports.dpgen.account import JOBS, Account, as_number, number, shown, whole
from aiida_concerted.imports.dpgen.exploration import NOTHING_LEFT, Job
from aiida_concerted.imports.dpgen.project import Project
from aiida_concerted.imports.dpgen.systems import Systems
from aiida_concerted.learning.screens import CELL_RATIOS
from aiida_concerted.learning.settings import SelectionSettings

PLACE = "learn.iteration.explore.selection"

LEVELS = {"model_devi_f_trust_lo": "trust_lower_eV_A", "model_devi_f_trust_hi": "trust_upper_eV_A"}
VIRIAL_LEVELS = {"model_devi_v_trust_lo": "virial_lower_eV", "model_devi_v_trust_hi": "virial_upper_eV"}

NO_LEVEL = 1.0e10
"""DP-GEN's virial level that nothing reaches."""

CAPS = {
    "fp_task_max": "max_selected",
    "fp_task_min": "min_selected",
    "fp_accurate_threshold": "accurate_threshold",
    "fp_accurate_soft_threshold": "accurate_soft_threshold",
}

ADAPTIVE = {
    "model_devi_numb_candi_f": "number_force",
    "model_devi_numb_candi_v": "number_virial",
    "model_devi_perc_candi_f": "share_force",
    "model_devi_perc_candi_v": "share_virial",
}

RELATIVE = ("use_relative", "use_relative_v", "model_devi_f_avg_relative")

UNUSED = {
    "model_devi_e_trust_lo": "the deviation of energies is not judged, nor by DP-GEN any more",
    "model_devi_e_trust_hi": "the deviation of energies is not judged, nor by DP-GEN any more",
    "epsilon": "belongs to use_relative",
    "epsilon_v": "belongs to use_relative_v",
    "fp_cluster_vacuum": "crystals have no vacuum",
    "cluster_cutoff": "crystals are labelled whole",
    "model_devi_clean_traj": "trajectories stay as long as the profile holds them",
    "model_devi_merge_traj": "a run has one trajectory",
    "model_devi_plumed": "there is no bias on the dynamics",
    "model_devi_plumed_path": "there is no bias on the dynamics",
    "detailed_report_make_fp": "every decision is recorded",
}


def translate_selection(project: Project, jobs: Sequence[Job], systems: Systems, account: Account) -> dict[str, Any]:
    """Return the settings of the selection.

    :raises ValueError: if a level or a number is none, or the selection would be refused.
    """
    if any(project.param.get(key) for key in RELATIVE):
        selection = _without_levels(account)
    else:
        selection = _levels(project, jobs, systems, account) | _virial(project, jobs, account)
    groups = _groups(jobs, systems)
    selection |= _caps(project, groups, account) | _rule(project, groups, account) | _screens(project, account)
    for key in RELATIVE:
        account.left_out(key, "deviations are absolute, in eV/Å: the protocol's levels stand; choose your own")
    for key, why in UNUSED.items():
        account.left_out(key, why)
    checked = {"trust_lower_eV_A": 1.0, "trust_upper_eV_A": 2.0, **selection}
    from_mapping(SelectionSettings, checked, project.name)
    return selection


def _without_levels(account: Account) -> dict[str, Any]:
    for key in (*LEVELS, *VIRIAL_LEVELS):
        for name in (key, f"{JOBS}.{key}"):
            account.left_out(name, "relative levels: see use_relative")
    return {}


def _levels(project: Project, jobs: Sequence[Job], systems: Systems, account: Account) -> dict[str, Any]:
    """Return the general force levels, and those of the structures that have others."""
    indices = sorted({index for job in jobs for index in job.systems})
    by_system = {index: tuple(_level(project, jobs, key, index, account) for key in LEVELS) for index in indices}
    general = Counter(by_system.values()).most_common(1)[0][0] if by_system else (None, None)
    entries = [
        {"system": system.name, "trust_lower_eV_A": lower, "trust_upper_eV_A": upper}
        for system in systems.kept
        for lower, upper in [by_system.get(system.index, general)]
        if (lower, upper) != general
    ]
    for key, name in LEVELS.items():
        for where in (key, f"{JOBS}.{key}"):
            if by_system:
                account.carried(where, f"{PLACE}.{name}", "and in levels, by structure" if entries else "")
            else:
                account.left_out(where, NOTHING_LEFT)
    if not by_system:
        return {}
    selection: dict[str, Any] = dict(zip(LEVELS.values(), general, strict=True))
    return {**selection, "levels": entries} if entries else selection


def _level(project: Project, jobs: Sequence[Job], key: str, index: int, account: Account) -> float:
    """Return a level of one system: that of the first job with it, which may have its own.

    :raises ValueError: if there is none.
    """
    with_it = [job for job in jobs if index in job.systems]
    found = []
    for job in with_it:
        own = project.jobs[job.index]
        given, where = (own, f"{project.name}: {JOBS}[{job.index}]") if key in own else (project.param, project.name)
        found.append(_of_system(given.get(key), key, index, where))
    if len(set(found)) > 1:
        first = f"levels do not change between turns: those of the first job that is left, job {with_it[0].index}"
        account.changed(f"{JOBS}.{key}", PLACE, first)
    return found[0]


def _of_system(given: Any, key: str, index: int, where: str) -> float:
    """Return the entry of a system in a list or a dictionary of levels, or the level of all.

    :raises ValueError: if there is none.
    """
    value = given
    if isinstance(given, dict):
        value = given.get(str(index), given.get(index))
    elif isinstance(given, list):
        value = given[index] if 0 <= index < len(given) else None
    level = as_number(value)
    if level is None:
        said = "is missing" if given is None else f"has no number for system {index}, got {shown(key, given)}"
        raise ValueError(f"{where}: {key} {said}")
    return level


def _virial(project: Project, jobs: Sequence[Job], account: Account) -> dict[str, float]:
    """Return the levels of the virial deviation where they are in force and one for all."""
    indices = sorted({index for job in jobs for index in job.systems})
    found: dict[str, set[float]] = {}
    for key in VIRIAL_LEVELS:
        given = project.param.get(key, NO_LEVEL)
        found[key] = {_of_system(given, key, index, project.name) for index in indices}
    one_each = all(len(values) == 1 for values in found.values())
    values = [values.copy().pop() for values in found.values()] if one_each else []
    in_force = one_each and min(values) < NO_LEVEL
    for key, name in VIRIAL_LEVELS.items():
        account.left_out(f"{JOBS}.{key}", "levels of the virial do not change between turns")
        if in_force:
            account.carried(key, f"{PLACE}.{name}")
        elif one_each:
            account.left_out(key, "nothing reaches it: the virial is not judged")
        else:
            account.left_out(key, "levels of the virial are the same for all systems: the virial is not judged")
    return dict(zip(VIRIAL_LEVELS.values(), values, strict=True)) if in_force else {}


@dataclass(frozen=True)
class Groups:
    """What DP-GEN counts by, an entry of ``sys_configs``, in our words.

    :param scope: ``system``, one structure, or ``all`` runs of a turn.
    :param factor: entries that are counted together.
    :param note: what is different; empty where nothing is.
    """

    scope: str
    factor: int = 1
    note: str = ""


def _groups(jobs: Sequence[Job], systems: Systems) -> Groups:
    """Return how frames are counted: an entry of several structures is no system of ours, but may be all of a turn."""
    sizes = Counter(system.index for system in systems.kept)
    turns = [sum(1 for index in set(job.systems) if index in sizes) for job in jobs]
    if all(size == 1 for size in sizes.values()):
        return Groups("system")
    if max(turns, default=0) <= 1:
        return Groups("all")
    most = max(turns)
    note = f"for all runs of a turn together, {most} times as many; DP-GEN counts by entry of sys_configs"
    return Groups("all", most, note)


def _caps(project: Project, groups: Groups, account: Account) -> dict[str, Any]:
    param = project.param
    found: dict[str, Any] = {"scope": groups.scope}
    for key, name in CAPS.items():
        if key in param or key == "fp_task_max":
            read = whole if key.startswith("fp_task") else number
            found[name] = read(param, key, project.name) * (groups.factor if key == "fp_task_max" else 1)
            if groups.factor == 1:
                account.carried(key, f"{PLACE}.{name}", f"scope: {groups.scope}" if key == "fp_task_max" else "")
            else:
                note = groups.note if key == "fp_task_max" else "for all runs of a turn together"
                account.changed(key, f"{PLACE}.{name}", note)
    return found


def _rule(project: Project, groups: Groups, account: Account) -> dict[str, Any]:
    if not project.param.get("model_devi_adapt_trust_lo"):
        account.carried("model_devi_adapt_trust_lo", f"{PLACE}.rule", "dpgen")
        for key in ADAPTIVE:
            account.left_out(key, "belongs to model_devi_adapt_trust_lo")
        return {"rule": "dpgen"}
    # DP-GEN's defaults.
    adaptive: dict[str, Any] = {"group": groups.scope, "number_force": 10 * groups.factor, "number_virial": 0}
    for key, name in ADAPTIVE.items():
        if key in project.param:
            adaptive[name] = _adaptive_number(project, key, name, groups.factor)
            note = "as a fraction" if name.startswith("share") else groups.note
            say = account.changed if groups.note else account.carried
            say(key, f"{PLACE}.adaptive.{name}", note)
    account.carried("model_devi_adapt_trust_lo", f"{PLACE}.rule", "adaptive")
    return {"rule": "adaptive", "adaptive": adaptive}


def _adaptive_number(project: Project, key: str, name: str, factor: int) -> float:
    if name.startswith("share"):
        return number(project.param, key, project.name) / 100  # DP-GEN counts in per cent
    return whole(project.param, key, project.name) * factor


def _screens(project: Project, account: Account) -> dict[str, Any]:
    """Return the screens of ``fp_skip_bad_box``, such as ``length_ratio:5;height_ratio:5``.

    :raises ValueError: if an entry is not understood.
    """
    given = project.param.get("fp_skip_bad_box")
    if given is None:
        return {}
    screens: dict[str, Any] = {}
    for entry in str(given).split(";"):
        key, _, text = (part.strip() for part in entry.partition(":"))
        limit = as_number(text)
        if limit is None or key not in (*CELL_RATIOS, "min_distance", "min_dist"):
            known = ", ".join(CELL_RATIOS)
            raise ValueError(f"{project.name}: fp_skip_bad_box: expected one of {known} and a number, got '{entry}'")
        if key in CELL_RATIOS:
            screens[key] = limit
        else:
            pairs = combinations_with_replacement(project.type_map, 2)
            screens["min_distances_A"] = {"-".join(pair): limit for pair in pairs}
    account.carried("fp_skip_bad_box", f"{PLACE}.screens", "before the cut: as many as asked for are labelled")
    return {"screens": screens}
