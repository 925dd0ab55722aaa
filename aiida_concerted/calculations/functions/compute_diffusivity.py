"""From a trajectory the diffusivity of its carriers."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.analysis.diffusion import TransportResult, estimate_diffusivity
from aiida_concerted.calculations.analysis_parameters import AnalysisParameters, analysis_parameters
from aiida_concerted.calculations.functions.context import departure_context, result_context
from aiida_concerted.data.results import DiffusivityData
from aiida_concerted.data.trajectory import MolecularDynamicsData


@calcfunction
def compute_diffusivity(
    trajectory: MolecularDynamicsData, parameters: orm.Dict, structure: orm.StructureData | None = None
) -> DiffusivityData | ExitCode:
    """Return the tracer and charge diffusivity, Haven ratio and conductivities of one run.

    :param trajectory: one run at one temperature.
    :param parameters: see :class:`AnalysisParameters`; all but ``window_ps`` and ``recrossing_ps`` are looked at.
    :param structure: the crystal that the run began from, by which the result says how far its framework has gone.
    """
    try:
        settings = analysis_parameters(parameters)
    except ValueError as error:
        return ExitCode(210, str(error))
    try:
        result = transport_of(trajectory, settings)
    except ValueError as error:
        return ExitCode(410, f"no diffusivity from this trajectory: {error}")
    return DiffusivityData(
        attributes={
            **result_context(trajectory, settings),
            **departure_context(structure, trajectory),
            "duration_ps": trajectory.duration_ps - settings.discard_ps,
            **diffusivity_attributes(result),
        },
        result=result.as_dict()["diffusivity"],
        arrays={
            "lag_ps": result.lag_ps,
            "tracer_A2": result.msd_tracer_A2,
            "collective_A2": result.msd_collective_A2,
        },
    )


def transport_of(trajectory: MolecularDynamicsData, settings: AnalysisParameters) -> TransportResult:
    """Return the transport of one run as the parameters of an analysis ask for it.

    :raises ValueError: if the run is too short or too still.
    """
    return estimate_diffusivity(
        trajectory.get_trajectory(),
        charge=settings.charge,
        discard_ps=settings.discard_ps,
        fit_window_ps=settings.fit_window_ps,
        seed=settings.seed,
    )


def diffusivity_attributes(result: TransportResult) -> dict[str, Any]:
    """Return the queryable numbers of a result; what was not computable is ``None``."""
    charge, haven = result.charge_diffusivity, result.haven_ratio
    return {
        "diffusivity_m2_s": result.tracer.value,
        "diffusivity_stderr_m2_s": result.tracer.stderr,
        "charge_diffusivity_m2_s": charge.value if charge else None,
        "charge_diffusivity_stderr_m2_s": charge.stderr if charge else None,
        "haven_ratio": haven.value if haven else None,
        "haven_ratio_stderr": haven.stderr if haven else None,
        "conductivity_S_m": result.nernst_einstein.value if result.nernst_einstein else None,
        "conductivity_stderr_S_m": result.nernst_einstein.stderr if result.nernst_einstein else None,
        "ab_share": result.ab_share.value if result.ab_share else None,
        "n_hops": result.n_hops_effective,
        "sampling": result.sampling,
        "method": result.method,
    }
