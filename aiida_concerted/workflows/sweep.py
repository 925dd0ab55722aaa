"""Production runs over temperatures, each analysed into results, and the fits over all of them."""

from __future__ import annotations

from typing import Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, if_, while_

from aiida_concerted.calculations.functions.analyse_site_history import analyse_site_history
from aiida_concerted.calculations.functions.assign_carrier_sites import assign_carrier_sites
from aiida_concerted.calculations.functions.compute_diffusivity import compute_diffusivity
from aiida_concerted.calculations.functions.context import has_departed
from aiida_concerted.calculations.functions.fit_arrhenius import fit_diffusivity
from aiida_concerted.calculations.functions.fit_modes import fit_modes
from aiida_concerted.calculations.functions.make_supercell import make_supercell
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.workflows import checks
from aiida_concerted.workflows.dynamics import dynamics_ports, fill_dynamics
from aiida_concerted.workflows.explore import run_name
from aiida_concerted.workflows.lammps.base import LammpsBaseWorkChain
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.sections import ANALYSIS_KEYS, MD_KEYS
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.waves import WavesWorkChain

SEED_STRIDE = 31

OUTPUTS = {
    "trajectories": "Production trajectories by run (Å, ps).",
    "thermo": "Temperature in K and energies in eV over each run.",
    "diffusivities": "Diffusivities in m²/s by run.",
    "site_histories": "Site of every carrier over each run (ps).",
    "site_statistics": "Occupancies and residence times in ps by run.",
    "modes": "Concerted modes by run: counts and frequencies in 1/s.",
    "arrhenius": "Activation energies in eV: of the diffusivity and of each mode.",
}
"""What a sweep leaves, one node a run, or a fit in the last."""


class SweepWorkChain(ProtocolMixin, WavesWorkChain):
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
        spec.input(
            "sites", valid_type=SiteNetworkData, required=False, help="Site model (Å); without it no sites or modes."
        )
        value_port(
            spec, "supercell", orm.List, "Repetitions of the unit cell along a, b and c (numbers without unit).",
            default=[1, 1, 1],
        )  # fmt: skip
        value_port(
            spec, "analysis", orm.Dict,
            "Parameters of the analysis without seed, see `AnalysisParameters`: charge (e), window_ps, …",
            validator=checks.analysis,
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
        for label, text in OUTPUTS.items():
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
        builder = LammpsBaseWorkChain.get_builder()
        builder._update(self.exposed_inputs(LammpsBaseWorkChain, "run"))
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

    def analysis_parameters(self) -> orm.Dict:
        """Return the parameters of the analysis with the seed in them, one node for the whole sweep."""
        if "analysis_parameters" not in self.ctx:
            self.ctx.analysis_parameters = orm.Dict(
                {**self.inputs.analysis.get_dict(), "seed": self.inputs.seed.value}
            ).store()
        return self.ctx.analysis_parameters

    def analyse_transport(self) -> ExitCode | None:
        """Turn every trajectory into a diffusivity, and fit them."""
        diffusivities = {}
        for name in self.survivors:
            outputs = self.child(name).outputs
            self.out(f"trajectories.{name}", outputs.trajectory)
            self.out(f"thermo.{name}", outputs.thermo)
            result = self.call(
                compute_diffusivity, f"diffusivity_{name}", outputs.trajectory, self.analysis_parameters(),
                self.ctx.supercell,
            )  # fmt: skip
            if result is None:
                return self.function_failure()
            self.out(f"diffusivities.{name}", result)
            diffusivities[name] = result
            self.note_departure(name, result)
        placed = {name: node for name, node in diffusivities.items() if name not in self.ctx.get("unplaced", {})}
        if len(placed) > 1:
            fit = self.call(fit_diffusivity, "arrhenius_diffusivity", **placed)
            if fit is None:
                return self.function_failure()
            self.out("arrhenius.diffusivity", fit)
            self.ctx.is_fitted = fit.base.attributes.get("activation_energy_eV", None) is not None
        return None

    def has_sites(self) -> bool:
        """Return whether there is a site model."""
        return "sites" in self.inputs

    def analyse_sites(self) -> ExitCode | None:
        """Turn every trajectory into the sites its carriers visit, their statistics and concerted modes."""
        sites, parameters = self.inputs.sites, self.analysis_parameters()
        modes, unplaced = {}, {}
        for name in self.survivors:
            trajectory = self.child(name).outputs.trajectory
            history = self.call(
                assign_carrier_sites, f"sites_{name}", trajectory, sites, parameters, self.ctx.supercell
            )
            if history is None:
                unplaced[name] = self.ctx.function_failure[-1]
                self.report(f"{name}: {unplaced[name]}")
                continue
            self.out(f"site_histories.{name}", history)
            results = self.call(analyse_site_history, f"analysis_{name}", history, sites, parameters)
            if results is None:
                return self.function_failure()
            self.out(f"site_statistics.{name}", results["statistics"])
            modes[name] = results["modes"]
            self.out(f"modes.{name}", modes[name])
        self.ctx.unplaced = unplaced
        if len(modes) > 1:
            fits = self.call(fit_modes, "arrhenius_modes", **modes)
            if fits is None:
                return self.function_failure()
            for label, fit in fits.items():
                self.out(f"arrhenius.{label}", fit)
        return None

    def note_departure(self, name: str, result: orm.Data) -> None:
        """Say that a run is left out of the fits, where its framework left its crystal."""
        if has_departed(result):
            reason = f"the framework is {result['framework_departure_A']:.1f} Å from its crystal (root mean square)"
            self.report(f"{name}: {reason}; it is kept as a result and left out of the fits")
            self.ctx.departed = {**self.ctx.get("departed", {}), name: reason}

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
