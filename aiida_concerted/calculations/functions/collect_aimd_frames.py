"""From a first-principles molecular-dynamics run the frames to train on."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.vasp import VaspRun, read_run, read_temperatures


@calcfunction
def collect_aimd_frames(retrieved: orm.FolderData, parameters: orm.Dict) -> dict[str, orm.Data] | ExitCode:
    """Return the kept frames of a run and what was dropped.

    :param retrieved: the files of the VASP run.
    :param parameters: ``discard_steps`` (steps dropped from the start), ``stride`` (every how manyth is kept of the
        rest), ``max_unconverged_fraction`` of the run, ``n_steps`` asked for and ``temperature_K``.
    """
    settings = parameters.get_dict()
    try:
        run = read_run(retrieved)
        temperatures = read_temperatures(retrieved)
    except ValueError as error:
        return ExitCode(310, f"the molecular dynamics cannot be read: {error}")
    unconverged = float(np.mean(~run.is_converged))
    if unconverged > settings["max_unconverged_fraction"]:
        return ExitCode(
            410,
            f"{unconverged:.0%} of the steps did not converge electronically, more than the "
            f"{settings['max_unconverged_fraction']:.0%} allowed: raise NELM or change ALGO",
        )
    chosen = kept_steps(run.is_converged, discard=settings["discard_steps"], stride=settings["stride"])
    if not len(chosen):
        discarded = settings["discard_steps"]
        return ExitCode(411, f"no frame is left of {len(run.frames)} steps after discarding {discarded}")
    return {
        "frames": LabelledFramesData(run.frames.select(chosen), level_of_theory=run.level_of_theory),
        "results": orm.Dict(_summary(run, temperatures, chosen, settings)),
    }


def kept_steps(is_converged: np.ndarray, *, discard: int, stride: int) -> np.ndarray:
    """Return the indices of the steps that are kept: every ``stride``-th after ``discard``, if it converged."""
    steps = np.arange(discard, len(is_converged), stride)
    return steps[is_converged[steps]]


def _summary(run: VaspRun, temperatures: np.ndarray, chosen: np.ndarray, settings: dict[str, Any]) -> dict[str, Any]:
    summary = {
        "n_steps_requested": settings["n_steps"],
        "n_steps": len(run.frames),
        "n_frames": len(chosen),
        "n_unconverged": int(np.count_nonzero(~run.is_converged)),
        "n_truncated": run.n_truncated,
        "temperature_target_K": settings["temperature_K"],
        "level_of_theory": run.level_of_theory,
        "mean_energy_eV_per_atom": float(run.frames.energies[settings["discard_steps"] :].mean() / run.frames.n_atoms),
    }
    later = temperatures[settings["discard_steps"] :]
    if len(later):
        summary |= {"temperature_mean_K": float(later.mean()), "temperature_std_K": float(later.std())}
    return summary
