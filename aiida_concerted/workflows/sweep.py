"""Production runs over temperatures, each analysed into results, and the fits over all of them."""

from __future__ import annotations

from typing import Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, if_, while_

from aiida_concerted.calculations.functions.compare_sizes import compare_sizes
from aiida_concerted.calculations.functions.make_supercell import make_supercell
from aiida_concerted.data.results import CellSizeData
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.workflows import checks
from aiida_concerted.workflows.dynamics import dynamics_ports, fill_dynamics
from aiida_concerted.workflows.extended_runs import ExtendedRunsWorkChain
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.sections import ANALYSIS_KEYS, MD_KEYS, SIZE_KEYS, TARGET_KEYS
from aiida_concerted.workflows.stashing import fill_stash
from aiida_concerted.workflows.sweep_runs import (
    SizeSettings,
    SweepRun,
    order_of_making,
    planned_runs,
    seed_numbers,
    size_settings,
)
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.waves import positive

RUN_OUTPUTS = {
    "trajectories": "Production trajectories by run (Å, ps).",
    "thermo": "Temperature in K and energies in eV over each run.",
    "stopped": "Frames (Å, ps) of runs that physics or a guard ended: candidates for another learning turn.",
}
"""What a sweep leaves besides the results of its runs, one node a run."""

SIZE_OUTPUTS = {
    "trajectories": "Trajectories of the size test by run (Å, ps).",
    "diffusivities": "Diffusivities in m²/s by run of the size test, those of the sweep in the same cells included.",
}
"""What a test of the size of the cell leaves, one node a run."""


class SweepWorkChain(ProtocolMixin, ExtendedRunsWorkChain):
    """Runs a potential at several temperatures and turns each trajectory into diffusivities, sites and modes.

    With a target, runs become longer until it is reached; with sizes, the diffusivity is compared in cells of each.
    """

    _protocol_file = "sweep"
    _section_keys: ClassVar = {
        "md": MD_KEYS,
        "analysis": ANALYSIS_KEYS,
        "target": TARGET_KEYS,
        "sizes": SIZE_KEYS,
    }

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        dynamics_ports(spec, may_stay_there=True)
        spec.input("structure", valid_type=orm.StructureData, help="Ordered unit cell (Å) that the supercell repeats.")
        spec.input_namespace("models", dynamic=True, help="The potential that drives the runs, by name; one is enough.")
        value_port(
            spec, "supercell", orm.List, "Repetitions of the unit cell along a, b and c (numbers without unit).",
            default=[1, 1, 1],
        )  # fmt: skip
        value_port(
            spec, "n_seeds", orm.Int, "Runs of each temperature and size, from different velocities (without unit).",
            default=1, validator=positive,
        )  # fmt: skip
        value_port(
            spec, "n_seeds_at", orm.Dict,
            "Runs at single temperatures in K, such as {500: 2}; elsewhere, and in other cells of `sizes`, `n_seeds`.",
            default={}, validator=checks.seed_numbers_at,
        )  # fmt: skip
        value_port(
            spec, "sizes", orm.Dict,
            "Test of the size of the cell, see `SizeSettings`: supercells, temperature_K (K), tolerance; none without.",
            default={}, validator=checks.sizes,
        )  # fmt: skip
        spec.inputs.validator = checks.sweep
        spec.outline(
            cls.setup,
            while_(cls.has_pending)(
                cls.run_wave, cls.inspect_wave, while_(cls.has_unreduced)(cls.reduce_runs), cls.judge_runs
            ),
            cls.hand_on_stopped,
            if_(cls.lacks_points)(cls.fail),
            cls.refuse_lost_runs,
            if_(cls.has_sites)(cls.analyse_sites),
            cls.analyse_transport,
            if_(cls.has_sizes)(cls.analyse_sizes),
            cls.results,
        )
        for label, text in RUN_OUTPUTS.items():
            spec.output_namespace(label, dynamic=True, required=False, help=text)
        spec.output_namespace("sizes", required=False, help="Cells of several sizes at one temperature.")
        for label, text in SIZE_OUTPUTS.items():
            spec.output_namespace(f"sizes.{label}", dynamic=True, required=False, help=text)
        spec.output(
            "sizes.test", valid_type=CellSizeData, required=False, help="Whether the diffusivity has converged (m²/s)."
        )
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
        fill_stash(builder.run, inputs["stash"])
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
        for key in ("runs_per_job", "n_seeds", "target", "sizes"):
            builder[key] = inputs[key]
        seed_numbers(inputs["n_seeds_at"])
        builder.n_seeds_at = {str(key): number for key, number in inputs["n_seeds_at"].items()}  # as JSON stores it
        return builder

    def setup(self) -> ExitCode | None:
        """Build the cells and name the runs."""
        own = self.inputs.supercell.get_list()
        self.ctx.runs = planned_runs(
            self.inputs.temperatures_K.get_list(),
            self.inputs.n_seeds.value,
            self.size_settings,
            own if all(isinstance(multiple, int) for multiple in own) else None,
            seed_numbers(self.inputs.n_seeds_at.get_dict()),
        )
        self.ctx.supercell = self.call(make_supercell, "supercell", self.inputs.structure, self.inputs.supercell)
        if self.ctx.supercell is None:
            return self.function_failure()
        cells = {}
        for run in self.ctx.runs.values():
            if run.supercell is not None and run.point not in cells:
                multiples = orm.List(list(run.supercell))
                cells[run.point] = self.call(make_supercell, f"cell_{run.point}", self.inputs.structure, multiples)
                if cells[run.point] is None:
                    return self.function_failure()
        self.ctx.size_cells = cells
        self.ctx.pending = order_of_making(self.ctx.runs)
        return None

    @property
    def size_settings(self) -> SizeSettings:
        """Return what is to be found out about the size of the cell."""
        return size_settings(self.inputs.sizes.get_dict())

    def prepare_run(self, name: str) -> ProcessBuilder:
        """Return the run of one cell at one temperature."""
        run: SweepRun = self.ctx.runs[name]
        builder = LammpsMdWorkChain.get_builder()
        builder._update(self.exposed_inputs(LammpsMdWorkChain, "run"))
        builder.md.structure = self.crystal(name)
        builder.md.models = dict(self.inputs.models)
        of_the_run = {"temperature_K": run.temperature_K, "seed": run.seed(self.inputs.seed.value)}
        builder.md.parameters = orm.Dict({**self.inputs.md.get_dict(), **of_the_run})
        return builder

    def crystal(self, name: str) -> orm.StructureData:
        """Return the cell that a run began from."""
        run: SweepRun = self.ctx.runs[name]
        cell: orm.StructureData = self.ctx.supercell if run.supercell is None else self.ctx.size_cells[run.point]
        return cell

    def hand_on_stopped(self) -> None:
        """Hand on the frames of the runs that failed and left any."""
        for name in self.ctx.get("failed", []):
            outputs = self.child(name).outputs
            if "trajectory" in outputs:
                self.out(f"stopped.{name}", outputs.trajectory)

    def over_temperature(self) -> list[str]:
        """Return the names of the runs over temperatures that left a trajectory."""
        return [name for name in self.survivors if self.ctx.runs[name].supercell is None]

    def lacks_points(self) -> bool:
        """Return whether there is too little to fit."""
        wanted = {run.temperature_K for run in self.ctx.runs.values() if run.supercell is None}
        found = {self.ctx.runs[name].temperature_K for name in self.over_temperature()}
        return len(found) < min(2, len(wanted))

    def fail(self) -> ExitCode:
        """Stop."""
        return self.exit_codes.ERROR_TOO_FEW_POINTS.format(names=", ".join(self.ctx.failed), reason=self.last_reason())

    def trajectories(self) -> dict[str, orm.Data]:
        """Return the trajectory of each run over temperatures that left one."""
        return {name: self.latest(name).outputs.trajectory for name in self.over_temperature()}

    def analyse_transport(self) -> ExitCode | None:
        """Hand the runs over, turn every trajectory into a diffusivity, and fit them."""
        for name in self.over_temperature():
            outputs = self.latest(name).outputs
            self.out(f"trajectories.{name}", outputs.trajectory)
            self.out(f"thermo.{name}", outputs.thermo)
        if "plan" in self.ctx:
            self.out("plan", self.ctx.plan)
        return super().analyse_transport()

    def has_sizes(self) -> bool:
        """Return whether the size of the cell is tested."""
        return bool(self.size_settings.cells)

    def analyse_sizes(self) -> ExitCode | None:
        """Compare the diffusivities in cells of several sizes."""
        settings = self.size_settings
        found = dict(self.diffusivities_of_own_cell(settings))
        for name in self.survivors:
            if self.ctx.runs[name].supercell is None:
                continue
            trajectory = self.latest(name).outputs.trajectory
            self.out(f"sizes.trajectories.{name}", trajectory)
            result = self.diffusivity_of(name, trajectory)
            if result is None:
                self.report(f"{name} is left out of the size test: {self.ctx.function_failure[-1]}")
                continue
            found[name] = result
        for name, result in found.items():
            self.out(f"sizes.diffusivities.{name}", result)
        if found:
            test = self.call(compare_sizes, "compare_sizes", orm.Float(settings.tolerance), **found)
            if test is None:
                return self.function_failure()
            self.out("sizes.test", test)
            self.report(f"size of the cell at {settings.temperature_K:g} K: {test['verdict']}")
        return None

    def diffusivities_of_own_cell(self, settings: SizeSettings) -> dict[str, orm.Data]:
        """Return the sweep's own diffusivities in a cell that the size test asks for, under that cell's name."""
        own = tuple(self.inputs.supercell.get_list())
        if own not in settings.cells:
            return {}
        results = self.outputs.get("diffusivities", {})
        found = {}
        for name, run in self.ctx.runs.items():
            if run.supercell is None and run.temperature_K == settings.temperature_K and name in results:
                found[SweepRun(run.temperature_K, run.seed_number, own).name] = results[name]
        return found

    def results(self) -> ExitCode | None:
        """Say which runs are missing, could not be analysed, or left too few for a fit by losing their framework.

        Runs that only left their crystal are results too; they and the fits without them say so themselves.
        """
        lost = {**self.ctx.get("departed", {}), **self.ctx.get("unplaced", {})}
        missing = [name for name in self.ctx.runs if name not in self.survivors]
        if missing:
            also = f" In these the framework left its sites: {', '.join(lost)}." if lost else ""
            return self.exit_codes.WARNING_POINTS_MISSING.format(names=", ".join(missing), lost=also)
        if lost and (self.ctx.get("unplaced") or not self.ctx.get("is_fitted", False)):
            reason = next(iter(lost.values()))
            return self.exit_codes.WARNING_FRAMEWORK_LOST.format(names=", ".join(lost), reason=reason)
        return self.target_missed()
