"""From single-point runs one dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.vasp import VaspRun, read_run
from aiida_concerted.formats.energy_settings import EnergySettings, conflict, unite_settings

UNSAID = "the run failed"
"""The reason in parameters that name failed runs without one, as the first versions of labelling wrote them."""

N_REASONS = 3
"""Reasons that the message of a failure repeats; the others are in the reports of the runs."""


@calcfunction
def collect_labels(
    parameters: orm.Dict, dataset: LabelledFramesData | None = None, **retrieved: orm.FolderData
) -> dict[str, orm.Data] | ExitCode:
    """Return the labelled configurations in the order asked for, and which failed.

    :param parameters: ``names`` in order, ``reasons`` (why those failed whose run did, by name),
        ``max_failed_fraction``; for the record ``retried`` (what mending changed), ``same_as`` (names of equal
        structures) and ``earlier`` (runs of before, by name). Parameters of old name runs that failed in ``failed``.
    :param dataset: frames that the labels will join; their settings must be the same.
    :param retrieved: the files of each run that finished, as ``run_<name of its structure>``.
    """
    settings = parameters.get_dict()
    runs, reasons = _read(settings["names"], _reasons(settings), retrieved)
    failed = [name for name in settings["names"] if name in reasons]
    if len(failed) > settings["max_failed_fraction"] * len(settings["names"]) or not runs:
        return ExitCode(412, _too_many(failed, reasons, len(settings["names"])))
    levels = sorted({run.level_of_theory for run in runs.values()})
    if len(levels) > 1:
        return ExitCode(413, f"labels of different levels of theory do not belong together: {', '.join(levels)}")
    try:
        decided = unite_settings({name: run.settings for name, run in runs.items()})
        _check_dataset(dataset, levels[0], decided)
    except ValueError as error:
        return ExitCode(414, str(error))
    frames = LabelledFrames.concatenate([run.frames for run in runs.values()])
    node = LabelledFramesData(frames, level_of_theory=levels[0], energy_settings=decided.as_dict())
    return {"frames": node, "results": orm.Dict({**_summary(settings, runs, reasons), "level_of_theory": levels[0]})}


def _reasons(settings: dict[str, Any]) -> dict[str, str]:
    """Return why runs failed, by name."""
    found: dict[str, str] = settings["reasons"] if "reasons" in settings else dict.fromkeys(settings["failed"], UNSAID)
    return found


def _read(
    names: list[str], known: dict[str, str], retrieved: dict[str, orm.FolderData]
) -> tuple[dict[str, VaspRun], dict[str, str]]:
    """Return the single points that can be labels, and why the others cannot."""
    reasons = dict(known)
    runs: dict[str, VaspRun] = {}
    for name in names:
        if name in reasons:
            continue
        try:
            runs[name] = _single_point(retrieved[f"run_{name}"])
        except ValueError as error:
            reasons[name] = str(error)
    return runs, reasons


def _single_point(retrieved: orm.FolderData) -> VaspRun:
    """Return a run of one step.

    :raises ValueError: if it has another number of steps or did not converge electronically.
    """
    run = read_run(retrieved)
    if len(run.frames) != 1:
        raise ValueError(f"a single point has one ionic step, this run has {len(run.frames)}")
    if not np.all(run.is_converged):
        raise ValueError("the electrons did not converge within NELM")
    return run


def _too_many(failed: list[str], reasons: dict[str, str], total: int) -> str:
    said = "; ".join(dict.fromkeys(reasons[name] for name in failed[:N_REASONS]))
    return f"{len(failed)} of {total} labels failed: {', '.join(failed)} ({said})"


def _check_dataset(dataset: LabelledFramesData | None, level: str, settings: EnergySettings) -> None:
    """Refuse labels that do not belong to the dataset that they are for.

    :raises ValueError: with the reason.
    """
    if dataset is None:
        return
    if dataset.level_of_theory != level:
        raise ValueError(f"the labels are of {level} and the dataset that they are for of {dataset.level_of_theory}")
    reason = conflict(dataset.energy_settings, settings)
    if reason is not None:
        raise ValueError(f"the labels do not belong to the dataset that they are for: {reason}")


def _summary(settings: dict[str, Any], runs: dict[str, VaspRun], reasons: dict[str, str]) -> dict[str, Any]:
    """Return what became of each structure."""
    same_as, earlier = settings.get("same_as", {}), settings.get("earlier", {})
    return {
        "requested": len(settings["names"]),
        "computed": len(settings["names"]) - len(same_as) - len(earlier),
        "labelled": len(runs),
        "names": list(runs),
        "failed": [name for name in settings["names"] if name in reasons],
        "reasons": reasons,
        "retried": settings.get("retried", {}),
        "n_retried": len(settings.get("retried", {})),
        "same_as": same_as,
        "earlier": earlier,
    }
