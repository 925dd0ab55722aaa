"""From a run so far how well it knows what a sweep is to find out."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.analysis.effort import EffortTarget
from aiida_concerted.calculations.analysis_parameters import analysis_parameters
from aiida_concerted.calculations.functions.context import crystal_framework
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.reduction.judgement import judgement_of


@calcfunction
def judge_run(
    trajectory: MolecularDynamicsData,
    parameters: orm.Dict,
    target: orm.Dict,
    structure: orm.StructureData | None = None,
    sites: SiteNetworkData | None = None,
) -> orm.Dict | ExitCode:
    """Return the quantities of a sweep's target and their errors as one run knows them so far.

    A run that is too short or too still for a quantity lacks it, which is an answer too: it has to become longer. These
    are no results: those come from the whole run.

    :param trajectory: one run at one temperature.
    :param parameters: see :class:`AnalysisParameters`.
    :param target: see :class:`EffortTarget`.
    :param structure: the crystal that the run began from; a framework that has left it holds the run.
    :param sites: the site network, needed where the target names modes.
    """
    try:
        settings = analysis_parameters(parameters)
        wanted = from_mapping(EffortTarget, target.get_dict(), "target")
    except ValueError as error:
        return ExitCode(210, str(error))
    run, crystal = trajectory.get_trajectory(), crystal_framework(structure, trajectory)
    network = sites.get_network() if sites is not None else None
    return orm.Dict(judgement_of(run, settings, wanted, crystal=crystal, network=network))
