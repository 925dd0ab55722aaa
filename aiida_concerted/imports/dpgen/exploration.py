"""DP-GEN's explorations as the stages of a schedule and the dynamics of their runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.common.units import FS_IN_PS
from aiida_concerted.formats.md_parameters import MdParameters
from aiida_concerted.imports.dpgen.account import JOBS, Account, number, numbers, rounded, shown, whole, wholes
from aiida_concerted.imports.dpgen.project import Project
from aiida_concerted.imports.dpgen.systems import Systems

SCHEDULE, MD = "learn.iteration.explore.schedule", "learn.iteration.explore.md"


ALIASES = {
    "ensemble": ("ensemble", "ens"),
    "temps": ("temps", "Ts"),
    "press": ("press", "Ps"),
    "trj_freq": ("trj_freq", "t_freq", "traj_freq"),
}
"""DP-GEN's names of settings that have several."""

TAUT_PS, TAUP_PS = 0.1, 0.5
"""DP-GEN's damping times where none is given."""

NOTHING_LEFT = "no job is left whose structures can be explored"

ENSEMBLES = {
    "nvt": "",
    "nve": "at constant temperature (NVT): DP-GEN's has no thermostat",
    "npt": "the three lengths of the cell follow the barostat each; DP-GEN scales them together",
    "npt-i": "the three lengths of the cell follow the barostat each; DP-GEN scales them together",
    "npt-iso": "the three lengths of the cell follow the barostat each; DP-GEN scales them together",
    "npt-a": "",
    "npt-aniso": "",
    "npt-t": "the angles of the cell stay; DP-GEN lets them change",
    "npt-tri": "the angles of the cell stay; DP-GEN lets them change",
}
"""Ensembles that are known, and what is different."""

UNUSED = {
    "template": "a LAMMPS script of one's own cannot be given: the job was left out",
    "rev_mat": "belongs to a template",
    "sys_rev_mat": "belongs to a template",
    "neidelay": "neighbour lists are built at fixed steps",
    "nbeads": "nuclei are classical: there is no path integral",
    "pka_e": "there is no kick to an atom",
}
"""Keys of a job that stand nowhere, and why."""


@dataclass(frozen=True)
class Job:
    """One exploration.

    :param index: from 0, that of its iteration.
    :param systems: indices of ``sys_configs``.
    :param temperatures_K: temperatures in K.
    :param pressures_bar: pressures in bar, ``None`` at constant volume.
    :param production_ps: length in ps without what DP-GEN skips.
    :param md: the other parameters of its dynamics.
    """

    index: int
    systems: tuple[int, ...]
    temperatures_K: tuple[float, ...]
    pressures_bar: tuple[float, ...] | None
    production_ps: float
    md: tuple[tuple[str, float], ...]

    def stage(self, structures: Sequence[str]) -> dict[str, Any]:
        """Return the job as a stage of a schedule that lasts one turn."""
        stage: dict[str, Any] = {"structures": list(structures), "temperatures_K": list(self.temperatures_K)}
        if self.pressures_bar is not None:
            stage["pressures_bar"] = list(self.pressures_bar)
        return {**stage, "production_ps": self.production_ps}


def remaining(project: Project) -> list[int]:
    """Return the indices of the jobs that are not finished; the last again where all are."""
    n_jobs, done = len(project.jobs), len(project.finished)
    return list(range(done, n_jobs)) or [n_jobs - 1]


def read_jobs(project: Project, account: Account) -> list[Job]:
    """Return the jobs that a study has still to do.

    :raises ValueError: naming the job and what is wrong with it.
    """
    found = []
    for index in remaining(project):
        job = project.jobs[index]
        where = f"{project.name}: {JOBS}[{index}]"
        if "template" in job:
            continue
        ensemble = str(_alias(job, "ensemble"))
        if ensemble not in ENSEMBLES:
            raise ValueError(f"{where}: ensemble must be one of {', '.join(ENSEMBLES)}, got {shown('', ensemble)}")
        found.append(_job(project, job, index, where, ensemble, account))
    return found


def _alias(job: Mapping[str, Any], key: str) -> Any:
    return next((job[name] for name in ALIASES[key] if name in job), None)


def _job(project: Project, job: Mapping[str, Any], index: int, where: str, ensemble: str, account: Account) -> Job:
    param = project.param
    timestep_ps = number(job, "dt", where) if "dt" in job else number(param, "model_devi_dt", project.name)
    n_steps = whole(job, "nsteps", where)
    skip = whole(param, "model_devi_skip", project.name, 0)
    every = whole({"trj_freq": _alias(job, "trj_freq")}, "trj_freq", where)
    if timestep_ps <= 0 or skip < 0 or every <= 0 or n_steps - skip < every:
        raise ValueError(
            f"{where}: nothing is left of {n_steps} steps of {timestep_ps:g} ps, a frame every {every}, "
            f"without the first {skip} (model_devi_skip)"
        )
    systems = wholes(job.get("sys_idx"), "sys_idx", where)
    taut = number(job, "taut", where, number(param, "model_devi_taut", project.name, TAUT_PS))
    taup = number(job, "taup", where, number(param, "model_devi_taup", project.name, TAUP_PS))
    md = {
        "timestep_fs": rounded(timestep_ps / FS_IN_PS),
        "frame_interval_ps": rounded(every * timestep_ps),
        "deviation_interval_ps": rounded(every * timestep_ps),
        "equilibration_ps": rounded(skip * timestep_ps),
        "thermostat_damping_ps": taut,
        "barostat_damping_ps": taup,
    }
    temperatures = numbers(_alias(job, "temps"), "temps", where)
    pressures = _pressures(job, where, account) if ensemble.startswith("npt") else None
    if ENSEMBLES[ensemble]:
        _say(account, "ensemble", ENSEMBLES[ensemble])
    production = rounded((n_steps - skip) * timestep_ps)
    return Job(index, tuple(systems), tuple(temperatures), pressures, production, tuple(md.items()))


def _pressures(job: Mapping[str, Any], where: str, account: Account) -> tuple[float, ...] | None:
    """Return the pressures of a job; ``None`` where all of them are tensions."""
    given = numbers(_alias(job, "press"), "press", where)
    kept = tuple(pressure for pressure in given if pressure >= 0)
    if len(kept) < len(given):
        note = "negative pressures were left out" if kept else "negative pressures alone: at constant volume instead"
        _say(account, "press", note)
    return kept or None


def _say(account: Account, key: str, note: str, place: str = SCHEDULE) -> None:
    for name in ALIASES.get(key, (key,)):
        account.changed(f"{JOBS}.{name}", place, note)


def translate_jobs(
    project: Project, jobs: Sequence[Job], systems: Systems, account: Account
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Return the stages of the schedule, and the parameters of all runs.

    Jobs in a row that are the same are one stage.

    :raises ValueError: if the dynamics would be refused.
    """
    stages: list[dict[str, Any]] = []
    lost = [job.index for job in jobs if not systems.names(job.systems)]
    for job in jobs:
        structures = systems.names(job.systems)
        if not structures:
            continue
        stage = job.stage(structures)
        if stages and {**stages[-1], "turns": 1} == {"turns": 1, **stage}:
            stages[-1]["turns"] += 1
        else:
            stages.append({"turns": 1, **stage})
    md = _common(project, jobs, account)
    if md:
        whole_run = {"carrier": project.type_map[0], "temperature_K": 1.0, "production_ps": jobs[0].production_ps}
        from_mapping(MdParameters, {**whole_run, **md}, f"{project.name}: {JOBS}")
    if stages:
        _say_jobs(project, account)
        if lost:
            which = ", ".join(map(str, lost))
            _say(account, "sys_idx", f"without the jobs that have none of the structures: {which}")
    else:
        _say_nothing_left(account)
    _say_unused(project, account)
    return stages, md if stages else {}


def _common(project: Project, jobs: Sequence[Job], account: Account) -> dict[str, float]:
    """Return the parameters of the dynamics that most jobs share: stages have none of their own."""
    if not jobs:
        return {}
    counted = Counter(job.md for job in jobs)
    chosen, n_alike = counted.most_common(1)[0]
    if n_alike < len(jobs):
        for key in ("trj_freq", "dt", "taut", "taup"):
            _say(account, key, f"{len(jobs) - n_alike} of {len(jobs)} jobs have others: all have those of most", MD)
    return dict(chosen)


def _say_jobs(project: Project, account: Account) -> None:
    done, n_jobs = len(project.finished), len(project.jobs)
    note = "" if not done else f"of the {n_jobs - done} jobs that are left"
    if done >= n_jobs:
        note = "all jobs are finished: the last one once more"
    for key in ("temps", "press", "ensemble"):
        for name in ALIASES[key]:
            account.carried(f"{JOBS}.{name}", SCHEDULE, note)
    for key in ("sys_idx", "nsteps"):
        account.carried(f"{JOBS}.{key}", SCHEDULE, note)
    for name in ALIASES["trj_freq"]:
        account.carried(f"{JOBS}.{name}", f"{MD}.frame_interval_ps")
    for prefix in (f"{JOBS}.", "model_devi_"):
        account.carried(f"{prefix}dt", f"{MD}.timestep_fs")
        account.carried(f"{prefix}taut", f"{MD}.thermostat_damping_ps")
        account.carried(f"{prefix}taup", f"{MD}.barostat_damping_ps")
    account.carried("model_devi_skip", f"{MD}.equilibration_ps", "as a time: what is skipped is not kept")


def _say_nothing_left(account: Account) -> None:
    """Say of the keys of jobs that there is no stage, and of those of the dynamics that the protocol's hold."""
    for key in ("temps", "press", "ensemble", "trj_freq"):
        for name in ALIASES[key]:
            account.left_out(f"{JOBS}.{name}", NOTHING_LEFT)
    for key in ("sys_idx", "nsteps", "dt", "taut", "taup"):
        account.left_out(f"{JOBS}.{key}", NOTHING_LEFT)
    for key in ("dt", "taut", "taup", "skip"):
        account.left_out(f"model_devi_{key}", NOTHING_LEFT)


def _say_unused(project: Project, account: Account) -> None:
    left = [project.jobs[index] for index in remaining(project)]
    for key, why in UNUSED.items():
        is_left = any(key in job for job in left)
        account.left_out(f"{JOBS}.{key}", why if is_left else "belongs to jobs that are finished")
    for key in ("model_devi_neidelay", "lmp_neigh_modify_one"):
        account.left_out(key, UNUSED["neidelay"])
    account.left_out("lmp_d3", "forces are the potential's alone: there is no dispersion beside it")
