"""Production runs over temperatures, each analysed into results, and the fits over all of them."""

from __future__ import annotations

from typing import Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, if_, while_

from aiida_concerted.calculations.functions.make_supercell import make_supercell
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.workflows import checks
from aiida_concerted.workflows.analysed_runs import AnalysedRunsWorkChain
from aiida_concerted.workflows.dynamics import dynamics_ports, fill_dynamics
from aiida_concerted.workflows.explore import run_name
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.sections import ANALYSIS_KEYS, MD_KEYS
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.waves import WavesWorkChain

SEED_STRIDE = 31

RUN_OUTPUTS = {
    "trajectories": "Production trajectories by run (Å, ps).",
    "thermo": "Temperature in K and energies in eV over each run.",
}
"""What a sweep leaves besides the results of its runs, one node a run."""


class SweepWorkChain(ProtocolMixin, AnalysedRunsWorkChain, WavesWorkChain):
    """Runs a potential at several temperatures and turns each trajectory into diffusivities, sites and modes."""

    _protocol_file = "sweep"
    _section_keys: ClassVar = {"md": MD_KEYS, "analysis": ANALYSIS_KEYS}

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        dynamics_ports(spec)
        spec.input("structure", valid_type=orm.StructureData, help="Ordered unit cell (Å) that the supercell repeats.")
        spec.input_namespace("models", dynamic=True, help="The potential that drives the runs, by name; one is enough.")
        value_port(
            spec, "supercell", orm.List, "Repetitions of the unit cell along a, b and c (numbers without unit).",
            default=[1, 1, 1],
        )  # fmt: skip
        spec.inputs.validator = checks.sweep
        spec.outline(
            cls.setup,
            while_(cls.has_pending)(cls.run_wave, cls.inspect_wave),
            if_(cls.lacks_points)(cls.fail),
            if_(cls.has_sites)(cls.analyse_sites),
            cls.analyse_transport,
            cls.results,
        )
        for label, text in RUN_OUTPUTS.items():
            spec.output_namespace(label, dynamic=True, required=False, help=text)
        cls.define_exit_codes(spec)

    @classmethod
    def define_exit_codes(cls, spec: ProcessSpec) -> None:
        """Define the exit codes."""
        spec.exit_code(
            436,
            "ERROR_TOO_FEW_POINTS",
            message="Fewer than two temperatures were reached; failed: {names}. The last says: {reason}",
        )
        spec.exit_code(
            437,
            "WARNING_POINTS_MISSING",
            message="The sweep is analysed, but these runs failed and are missing: {names}.{lost}",
        )
        spec.exit_code(
            438,
            "WARNING_FRAMEWORK_LOST",
            message="The sweep is analysed as far as it goes, but in these runs the framework left its sites: {names}. "
            "{reason}. The potential has not learned enough, or the material melts.",
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structure: orm.StructureData | None,
        models: dict[str, orm.Data],
        *,
        sites: SiteNetworkData | None = None,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param code: the ``lmp`` code.
        :param structure: ordered unit cell; may be ``None`` when another work chain will fill it.
        :param models: the potential by name; may be empty when another work chain will fill it.
        :param sites: site model of the carriers.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        builder = cls.get_builder()
        fill_dynamics(builder, code, inputs, options)
        if structure is not None:
            builder.structure = structure
        if models:
            builder.models = models
        analysis = dict(inputs["analysis"])
        if sites is not None:
            builder.sites = sites
            analysis.setdefault("material", sites.base.attributes.get("material"))
        builder.analysis = orm.Dict(analysis)
        builder.supercell = orm.List(inputs["supercell"])
        return builder

    def setup(self) -> ExitCode | None:
        """Build the supercell and name the runs."""
        self.ctx.supercell = self.call(make_supercell, "supercell", self.inputs.structure, self.inputs.supercell)
        if self.ctx.supercell is None:
            return self.function_failure()
        self.ctx.runs = {run_name("run", temperature): temperature for temperature in self.inputs.temperatures_K}
        self.ctx.pending = list(self.ctx.runs)
        return None

    def prepare(self, name: str) -> ProcessBuilder:
        """Return the run at one temperature."""
        builder = LammpsMdWorkChain.get_builder()
        builder._update(self.exposed_inputs(LammpsMdWorkChain, "run"))
        builder.md.structure = self.ctx.supercell
        builder.md.models = dict(self.inputs.models)
        seed = self.inputs.seed.value + SEED_STRIDE * list(self.ctx.runs).index(name)
        builder.md.parameters = orm.Dict(
            {**self.inputs.md.get_dict(), "temperature_K": self.ctx.runs[name], "seed": seed}
        )
        return builder

    @property
    def survivors(self) -> list[str]:
        """Return the names of the runs that left a trajectory."""
        return [name for name in self.ctx.runs if name not in self.ctx.get("failed", [])]

    def lacks_points(self) -> bool:
        """Return whether there is too little to fit."""
        return len(self.survivors) < min(2, len(self.ctx.runs))

    def fail(self) -> ExitCode:
        """Stop."""
        return self.exit_codes.ERROR_TOO_FEW_POINTS.format(names=", ".join(self.ctx.failed), reason=self.last_reason())

    def trajectories(self) -> dict[str, orm.Data]:
        """Return the trajectory of each run that left one."""
        return {name: self.child(name).outputs.trajectory for name in self.survivors}

    def crystal(self) -> orm.StructureData:
        """Return the cell that every run began from."""
        return self.ctx.supercell

    def analyse_transport(self) -> ExitCode | None:
        """Hand the runs over, turn every trajectory into a diffusivity, and fit them."""
        for name in self.survivors:
            outputs = self.child(name).outputs
            self.out(f"trajectories.{name}", outputs.trajectory)
            self.out(f"thermo.{name}", outputs.thermo)
        return super().analyse_transport()

    def results(self) -> ExitCode | None:
        """Say which runs are missing, could not be analysed, or left too few for a fit by losing their framework.

        Runs that only left their crystal are results too; they and the fits without them say so themselves.
        """
        lost = {**self.ctx.get("departed", {}), **self.ctx.get("unplaced", {})}
        if self.ctx.get("failed"):
            also = f" In these the framework left its sites: {', '.join(lost)}." if lost else ""
            return self.exit_codes.WARNING_POINTS_MISSING.format(names=", ".join(self.ctx.failed), lost=also)
        if lost and (self.ctx.get("unplaced") or not self.ctx.get("is_fitted", False)):
            reason = next(iter(lost.values()))
            return self.exit_codes.WARNING_FRAMEWORK_LOST.format(names=", ".join(lost), reason=reason)
        return None
