"""From the explorations of a turn the diffusivity that its potential gives, for turns to be compared by."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.analysis.diffusion import estimate_diffusivity
from aiida_concerted.common.estimate import mean_over_runs
from aiida_concerted.data.trajectory import MolecularDynamicsData


@calcfunction
def observe_diffusivity(temperature_K: orm.Float, seed: orm.Int, **runs: MolecularDynamicsData) -> orm.Dict | ExitCode:
    """Return the tracer diffusivity of the explorations at one temperature, their mean weighted by their lengths.

    It is no result: the potential has not learned all it will, and the runs are short. A run that gives none, being too
    short or too still, is named, and the mean is then not said.

    :param temperature_K: temperature in K.
    :param seed: seed of the bootstrap.
    :param runs: the explorations at this temperature and constant volume.
    """
    estimates, reasons = [], {}
    for name, run in sorted(runs.items()):
        try:
            tracer = estimate_diffusivity(run.get_trajectory(), seed=seed.value).tracer
        except ValueError as error:
            reasons[name] = str(error)
            continue
        estimates.append((tracer.value, tracer.stderr))
    observed: dict[str, Any] = {"temperature_K": temperature_K.value, "runs": sorted(runs)}
    if reasons:
        return orm.Dict({**observed, "reasons": reasons})
    mean = mean_over_runs(estimates, [run.duration_ps for _, run in sorted(runs.items())])
    return orm.Dict({**observed, "diffusivity_m2_s": mean.value, "diffusivity_stderr_m2_s": mean.stderr})
