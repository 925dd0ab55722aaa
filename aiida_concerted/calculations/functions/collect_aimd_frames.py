"""From the segments of a first-principles molecular-dynamics run the frames to train on."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.common.constants import elements as ELEMENTS
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.common.md_segments import MdSegment, Seam, join_segments
from aiida_concerted.common.units import FS_IN_PS
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.vasp_md import segment_of_node
from aiida_concerted.formats.energy_settings import EnergySettings, unite_settings

MASSES = {entry["symbol"]: entry["mass"] for entry in ELEMENTS.values()}


@calcfunction
def collect_aimd_frames(parameters: orm.Dict, **segments: orm.TrajectoryData) -> dict[str, orm.Data] | ExitCode:
    """Return the kept frames of a run, and what was dropped.

    :param parameters: ``n_kept`` (by the name of each segment, in order, how many of its first steps count),
        ``discard_steps`` (steps dropped from the start as equilibration), ``stride`` (every how manyth is kept of the
        rest), ``max_unconverged_fraction`` of the run, ``n_steps`` asked for, ``temperature_K`` and
        ``final_temperature_K``.
    :param segments: trajectories of the segments.
    """
    settings = parameters.get_dict()
    names = sorted(settings["n_kept"])
    try:
        parts = [segment_of_node(segments[name]).first(settings["n_kept"][name]) for name in names]
        run, seams = join_segments(parts, np.array([MASSES[symbol] for symbol in parts[0].frames.species]))
    except (ValueError, KeyError, IndexError) as error:
        return ExitCode(310, f"the molecular dynamics cannot be read: {error}")
    theories = sorted({segments[name].base.attributes.get("level_of_theory") for name in names})
    try:
        decided = unite_settings({name: _energy_settings(segments[name]) for name in names}).as_dict()
    except ValueError as error:
        return ExitCode(413, f"the segments were computed with different settings: {error}")
    problem = _problem(run, seams, theories, settings)
    if problem is not None:
        return problem
    chosen = kept_steps(run.is_converged, discard=settings["discard_steps"], stride=settings["stride"])
    if not len(chosen):
        discarded = settings["discard_steps"]
        return ExitCode(411, f"no frame is left of {len(run)} steps after discarding {discarded}")
    results = {**_summary(run, chosen, settings), **_joints(parts, seams), "level_of_theory": theories[0]}
    frames = LabelledFramesData(run.frames.select(chosen), level_of_theory=theories[0], energy_settings=decided)
    return {"frames": frames, "results": orm.Dict(results)}


def _energy_settings(segment: orm.TrajectoryData) -> EnergySettings:
    return EnergySettings.from_dict(segment.base.attributes.get("energy_settings", {}))


def kept_steps(is_converged: np.ndarray, *, discard: int, stride: int) -> np.ndarray:
    """Return the indices of the steps that are kept: every ``stride``-th after ``discard``, if it converged."""
    steps = np.arange(discard, len(is_converged), stride)
    return steps[is_converged[steps]]


def _problem(run: MdSegment, seams: list[Seam], theories: list[str], settings: dict[str, Any]) -> ExitCode | None:
    """Return why a run gives no frames."""
    if len(theories) > 1:
        return ExitCode(413, f"segments were computed with different levels of theory: {', '.join(theories)}")
    gap = next((seam for seam in seams if not seam.is_gapless), None)
    if gap is not None:
        return ExitCode(
            412,
            f"a step is missing or repeated after step {gap.after_step}: the next segment begins {gap.misfit:.2f} "
            "steps away from where the forces take the atoms",
        )
    unconverged = float(np.mean(~run.is_converged))
    if unconverged > settings["max_unconverged_fraction"]:
        return ExitCode(
            410,
            f"{unconverged:.0%} of the steps did not converge electronically, more than the "
            f"{settings['max_unconverged_fraction']:.0%} allowed: raise NELM or change ALGO",
        )
    return None


def _summary(run: MdSegment, chosen: np.ndarray, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of the run after equilibration."""
    discard = settings["discard_steps"]
    target, final = settings["temperature_K"], settings.get("final_temperature_K", settings["temperature_K"])
    summary = {
        "n_steps_requested": settings["n_steps"],
        "n_steps": len(run),
        "n_frames": len(chosen),
        "n_unconverged": int(np.count_nonzero(~run.is_converged)),
        "equilibration": f"the first {discard} steps ({discard * run.timestep_fs * FS_IN_PS:g} ps) are discarded",
        "temperature_target_K": target,
        "mean_energy_eV_per_atom": float(run.frames.energies[discard:].mean() / run.frames.n_atoms),
    }
    if final != target:
        summary["final_temperature_target_K"] = final
    later = run.temperatures[discard:]
    if len(later):
        summary |= {"temperature_mean_K": float(later.mean()), "temperature_std_K": float(later.std())}
    return summary


def _joints(parts: list[MdSegment], seams: list[Seam]) -> dict[str, Any]:
    """Return how long the segments are and how they join."""
    lengths = [len(part) for part in parts]
    return {"n_segments": len(parts), "segment_steps": lengths, "seams": [seam.as_dict() for seam in seams]}
