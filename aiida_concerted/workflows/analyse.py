"""Trajectories that exist already, turned into results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, if_, while_

from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.data.trajectory import RunData
from aiida_concerted.queries.provenance import crystal_of
from aiida_concerted.workflows.analysed_runs import AnalysedRunsWorkChain
from aiida_concerted.workflows.explore import run_name
from aiida_concerted.workflows.lammps.md import RUN_KINDS
from aiida_concerted.workflows.lammps.sealing import REDUCE, reduce_ports
from aiida_concerted.workflows.options import calcjob_options
from aiida_concerted.workflows.protocols.loader import merge
from aiida_concerted.workflows.reduced_runs import stashed_only
from aiida_concerted.workflows.sweep import SweepWorkChain
from aiida_concerted.workflows.values import value_port


def validate_runs(inputs: Any, _: Any) -> str | None:
    """Return why these runs cannot be analysed together."""
    if not inputs or not inputs.get("trajectories"):
        return "needs at least one trajectory"
    for key in ("material", "carrier", "formula"):
        if len(values := values_of(inputs, key)) > 1:
            return f"the trajectories are of several {key}s ({', '.join(sorted(values))}): analyse each apart"
    if problem := _cannot_reduce(inputs) or _other_cell(inputs):
        return problem
    if "sites" in inputs:
        carrier, moves = inputs["sites"].base.attributes.get("carrier"), min(values_of(inputs, "carrier"))
        if carrier != moves:
            return f"the sites are those of {carrier}, but {moves} moves in the trajectories"
    return None


def _other_cell(inputs: Any) -> str | None:
    """Return why the crystal cannot be what runs began from of which the graph tells none."""
    if "structure" not in inputs:
        return None
    n_atoms = len(inputs["structure"].sites)
    for node in inputs["trajectories"].values():
        found = node.base.attributes.get("n_atoms", n_atoms)
        if found != n_atoms and crystal_of(node) is None:
            return (
                f"structure has {n_atoms} atoms, but the run <{node.pk}> has {found}: give the supercell that it began "
                "from, or none"
            )
    return None


def _cannot_reduce(inputs: Any) -> str | None:
    """Return why a run cannot be analysed where its frames stay."""
    code = (inputs.get(REDUCE) or {}).get("code")
    for node in stashed_only(inputs["trajectories"]).values():
        if code is None or code.computer.uuid != node.computer.uuid:
            return (
                f"the frames of <{node.pk}> stay on {node.computer.label}: give reduce.code, a code of "
                "concerted.reduce there (in a study file codes.concerted)"
            )
    return None


def values_of(inputs: Any, key: str) -> set[str]:
    """Return the values that an attribute has in the trajectories."""
    return {str(node.base.attributes.get(key, None)) for node in inputs["trajectories"].values()}


def run_names(runs: Iterable[RunData]) -> dict[str, RunData]:
    """Return runs by a name that says their temperature, a number behind where two share one.

    :raises ValueError: if one tells no temperature.
    """
    named: dict[str, RunData] = {}
    for run in runs:
        temperature = run.base.attributes.get("temperature_K", None)
        if temperature is None:
            raise ValueError(f"the trajectory <{run.pk}> tells no temperature: import it with one")
        name = first = run_name("run", temperature)
        number = 1
        while name in named:
            number += 1
            name = f"{first}_{number}"
        named[name] = run
    return named


class AnalyseWorkChain(AnalysedRunsWorkChain):
    """Turns trajectories that were made elsewhere, or earlier, into diffusivities, sites, modes and fits over them.

    A run that is too short or too still for a result of one kind is named, and the others are kept.
    """

    needs_every_run = False

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        spec.input_namespace(
            "trajectories", dynamic=True, valid_type=RUN_KINDS,
            help="Runs of one material by name (Å, ps), each at a temperature of its own in K.",
        )  # fmt: skip
        spec.input(
            "structure", valid_type=orm.StructureData, required=False,
            help="Crystal (Å) that runs made elsewhere began from, atoms in their order; it fixes the origin of the "
            "sites. Of runs made in this profile it is the one that their own work chain had.",
        )  # fmt: skip
        value_port(spec, "seed", orm.Int, "Seed of bootstraps and null models (without unit).", default=1)
        spec.inputs.validator = validate_runs
        reduce_ports(spec)
        spec.outline(
            while_(cls.has_unreduced)(cls.reduce_runs),
            if_(cls.has_sites)(cls.analyse_sites),
            cls.analyse_transport,
            cls.results,
        )
        spec.exit_code(
            447,
            "WARNING_RUNS_REFUSED",
            message="Analysed as far as it goes; these gave less than asked: {reasons}",
        )
        spec.exit_code(448, "ERROR_NO_RESULT", message="None of the runs gave a result: {reasons}")

    @classmethod
    def get_builder_for_runs(
        cls,
        trajectories: dict[str, RunData],
        *,
        sites: SiteNetworkData | None = None,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        structure: orm.StructureData | None = None,
        reduce_code: orm.AbstractCode | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled with the analysis of a sweep's protocol.

        :param trajectories: the runs by name.
        :param sites: site model of the carriers.
        :param overrides: parameters of the analysis that differ from the protocol.
        :param structure: crystal that runs made elsewhere began from, in their cell; the graph tells it of others.
        :param reduce_code: code of `concerted.reduce` where the frames of runs stay, if they do.
        """
        analysis = SweepWorkChain.get_protocol_inputs(protocol, {"analysis": overrides or {}})["analysis"]
        builder = cls.get_builder()
        builder.trajectories = trajectories
        if reduce_code is not None and stashed_only(trajectories):
            builder.reduce.code = reduce_code
            builder.reduce.metadata.options = calcjob_options(None, reduce_code)
        if structure is not None:
            builder.structure = structure
        if sites is not None:
            builder.sites = sites
            analysis = merge({"material": sites.base.attributes.get("material")}, analysis)
        builder.analysis = orm.Dict(analysis)
        return builder

    def reduce_inputs(self) -> Mapping[str, Any] | None:
        """Return code and scheduler options of the jobs that analyse runs where they are."""
        inputs: Mapping[str, Any] | None = self.inputs.get(REDUCE)
        return inputs

    def trajectories(self) -> dict[str, orm.Data]:
        """Return the trajectories by name."""
        return dict(self.inputs.trajectories)

    def crystal(self, name: str) -> orm.StructureData | None:
        """Return the crystal that the run began from, as the graph tells or else as it is given."""
        return crystal_of(self.inputs.trajectories[name]) or self.inputs.get("structure")

    def results(self) -> ExitCode | None:
        """Name the runs that gave less than was asked."""
        refused = {**self.ctx.get("still", {}), **self.ctx.get("unplaced", {})}
        if not refused:
            return None
        reasons = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        found = any(self.outputs.get(label) for label in ("diffusivities", "site_statistics"))
        exit_codes = self.exit_codes
        return (exit_codes.WARNING_RUNS_REFUSED if found else exit_codes.ERROR_NO_RESULT).format(reasons=reasons)


def find_analysis(builder: ProcessBuilder) -> orm.WorkChainNode | None:
    """Return the earlier analysis of the same trajectories with the same sites and parameters, if there is one."""
    wanted = {node.uuid for node in builder.trajectories.values()}
    query = orm.QueryBuilder().append(orm.Data, filters={"uuid": {"in": list(wanted)}}, tag="run")
    label = AnalyseWorkChain.__name__
    query.append(orm.WorkChainNode, with_incoming="run", filters={"attributes.process_label": label})
    for found in query.distinct().all(flat=True):
        inputs = found.inputs
        if found.exit_status in (0, 447) and {node.uuid for node in inputs.trajectories.values()} == wanted:
            same = inputs.analysis.get_dict() == builder.analysis.get_dict()
            if same and _content(getattr(inputs, "sites", None)) == _content(builder.get("sites")):
                return found
    return None


def _content(sites: SiteNetworkData | None) -> dict[str, Any] | None:
    return None if sites is None else sites.get_network().as_dict()
