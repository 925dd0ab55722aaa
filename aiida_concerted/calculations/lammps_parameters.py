"""Parameters of a LAMMPS run: what they are called, in which units, and what they mean in steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from aiida import orm

from aiida_concerted.common.parameters import refuse_unknown
from aiida_concerted.common.units import FS_IN_PS
from aiida_concerted.formats.lammps_input import RunPhysics, RunSteps

REQUIRED = {
    "temperature_K": "target temperature in K",
    "timestep_fs": "time step in fs",
    "production_ps": "recorded time in ps",
    "frame_interval_ps": "time between frames in ps, a whole number of steps",
    "carrier": "element symbol of the mobile species",
    "seed": "seed of the initial velocities",
}
OPTIONAL = {
    "anneal_from_K": "temperature in K from which the run is heated at a constant rate",
    "anneal_ps": "time of the heating in ps",
    "equilibration_ps": "time in ps at the target temperature before anything is recorded",
    "thermostat_damping_ps": "time constant of the Nosé–Hoover thermostat in ps, 0.2 when not given",
    "framework_stride": "frames from one stored framework to the next, 1 when not given",
    "deviation_interval_ps": "time between deviations of the committee in ps, the frame interval when not given",
    "restart_interval_ps": "time between restart files in ps, none when not given",
}
HELP = "Parameters of the run: " + "; ".join(f"{name}: {text}" for name, text in {**REQUIRED, **OPTIONAL}.items()) + "."

MAX_SEED = 2**31 - 1


def check_parameters(value: Any, _: Any = None) -> str | None:
    """Return why parameters are refused, in one line, or ``None``."""
    settings = value.get_dict() if isinstance(value, orm.Dict) else dict(value)
    try:
        refuse_unknown(settings, {**REQUIRED, **OPTIONAL}, "the parameters of the run")
    except ValueError as error:
        return str(error)
    for name, text in REQUIRED.items():
        if name not in settings:
            return f"the parameter '{name}' is missing: {text}"
    return _check_numbers(settings) or _check_times(settings)


def _check_numbers(settings: dict[str, Any]) -> str | None:
    for name, number in settings.items():
        if name == "carrier":
            continue
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            return f"'{name}' must be a number, got {number!r}"
        may_be_zero = name in ("anneal_ps", "equilibration_ps")
        if number < 0 or (number == 0 and not may_be_zero):
            return f"'{name}' must be positive, got {number}"
    if not isinstance(settings["seed"], int) or settings["seed"] > MAX_SEED:
        return f"'seed' must be a whole number up to {MAX_SEED}, got {settings['seed']}"
    if not isinstance(settings.get("framework_stride", 1), int):
        return f"'framework_stride' must be a whole number of frames, got {settings['framework_stride']}"
    if bool(settings.get("anneal_ps")) != ("anneal_from_K" in settings) and settings.get("anneal_ps") != 0:
        return "'anneal_from_K' and 'anneal_ps' belong together: give both or none"
    return None


def _check_times(settings: dict[str, Any]) -> str | None:
    frame = settings["frame_interval_ps"]
    step = settings["timestep_fs"] * FS_IN_PS
    for name, unit, what in (
        ("frame_interval_ps", step, "the time step"),
        ("deviation_interval_ps", frame, "the frame interval"),
    ):
        ratio = settings.get(name, unit) / unit
        if ratio < 1 - 1e-9 or abs(ratio - round(ratio)) > 1e-6 * ratio:
            return f"'{name}' ({settings[name]} ps) must be a whole multiple of {what} ({unit:g} ps)"
    if settings["production_ps"] < 2 * frame:
        return f"'production_ps' ({settings['production_ps']} ps) leaves fewer than two frames of {frame} ps"
    return None


def steps_of(settings: dict[str, Any], n_models: int) -> RunSteps:
    """Return the run in integration steps; the recorded time is rounded to whole frames."""

    def steps(name: str, default: float = 0.0) -> int:
        return round(settings.get(name, default) / (settings["timestep_fs"] * FS_IN_PS))

    frame = steps("frame_interval_ps")
    restart = steps("restart_interval_ps")
    return RunSteps(
        anneal=steps("anneal_ps"),
        equilibrate=steps("equilibration_ps"),
        produce=max(1, round(steps("production_ps") / frame)) * frame,
        frame=frame,
        framework_stride=settings.get("framework_stride", 1),
        deviation=steps("deviation_interval_ps", settings["frame_interval_ps"]) if n_models > 1 else 0,
        restart=-(-restart // frame) * frame,
    )


def physics_of(settings: dict[str, Any], types: Sequence[str], species: Sequence[str]) -> RunPhysics:
    """Return what the run is.

    :param types: element symbols in the order of LAMMPS' type numbers.
    :param species: element symbol of each atom.
    """
    temperature = float(settings["temperature_K"])
    return RunPhysics(
        temperature_K=temperature,
        timestep_ps=settings["timestep_fs"] * FS_IN_PS,
        damping_ps=settings.get("thermostat_damping_ps", 0.2),
        seed=settings["seed"],
        start_K=float(settings["anneal_from_K"]) if settings.get("anneal_ps") else temperature,
        carrier=settings["carrier"],
        types=tuple(types),
        has_framework=any(symbol != settings["carrier"] for symbol in species),
    )
