"""From single-point runs one dataset."""

from __future__ import annotations

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.vasp import VaspRun, read_run


@calcfunction
def collect_labels(parameters: orm.Dict, **retrieved: orm.FolderData) -> dict[str, orm.Data] | ExitCode:
    """Return the labelled configurations in the order asked for, and which failed.

    :param parameters: ``names`` in order, ``failed`` (those whose run failed) and ``max_failed_fraction``.
    :param retrieved: the files of each run that finished, as ``run_<name of its structure>``.
    """
    settings = parameters.get_dict()
    reasons = {name: "the run failed" for name in settings["failed"]}
    runs: dict[str, VaspRun] = {}
    for name in settings["names"]:
        if name in reasons:
            continue
        try:
            runs[name] = _single_point(retrieved[f"run_{name}"])
        except ValueError as error:
            reasons[name] = str(error)
    failed = [name for name in settings["names"] if name in reasons]
    if len(failed) > settings["max_failed_fraction"] * len(settings["names"]) or not runs:
        return ExitCode(412, f"{len(failed)} of {len(settings['names'])} labels failed: {', '.join(failed)}")
    levels = sorted({run.level_of_theory for run in runs.values()})
    if len(levels) > 1:
        return ExitCode(413, f"labels of different levels of theory do not belong together: {', '.join(levels)}")
    frames = LabelledFrames.concatenate([run.frames for run in runs.values()])
    results = {
        "requested": len(settings["names"]),
        "labelled": len(runs),
        "names": list(runs),
        "failed": failed,
        "reasons": reasons,
        "level_of_theory": levels[0],
    }
    return {"frames": LabelledFramesData(frames, level_of_theory=levels[0]), "results": orm.Dict(results)}


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
