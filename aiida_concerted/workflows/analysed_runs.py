"""What is done with trajectories, wherever they come from: diffusivities, sites, modes, and the fits over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessSpec

from aiida_concerted.calculations.functions.analyse_site_history import analyse_site_history
from aiida_concerted.calculations.functions.assign_carrier_sites import assign_carrier_sites
from aiida_concerted.calculations.functions.compute_diffusivity import compute_diffusivity
from aiida_concerted.calculations.functions.context import has_departed
from aiida_concerted.calculations.functions.fit_arrhenius import fit_diffusivity
from aiida_concerted.calculations.functions.fit_modes import fit_modes
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.workflows import checks
from aiida_concerted.workflows.lammps.sealing import is_stashed
from aiida_concerted.workflows.reduced_runs import ReducedRunsWorkChain, stashed_only
from aiida_concerted.workflows.values import value_port

OUTPUTS = {
    "diffusivities": "Diffusivities in m²/s by run.",
    "site_histories": "Site of every carrier over each run (ps).",
    "site_statistics": "Occupancies and residence times in ps by run.",
    "modes": "Concerted modes by run: counts and frequencies in 1/s.",
    "arrhenius": "Activation energies in eV: of the diffusivity and of each mode.",
}
"""What an analysis leaves, one node a run, or a fit in the last."""


class AnalysedRunsWorkChain(ReducedRunsWorkChain):
    """The steps that turn trajectories into results; a subclass says which, and has an input ``seed``."""

    needs_every_run = True
    """Whether a run that gives no diffusivity is a failure of the whole."""

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define what an analysis takes and leaves."""
        super().define(spec)
        spec.input(
            "sites", valid_type=SiteNetworkData, required=False, help="Site model (Å); without it no sites or modes."
        )
        value_port(
            spec, "analysis", orm.Dict,
            "Parameters of the analysis without seed, see `AnalysisParameters`: charge (e), window_ps, …",
            validator=checks.analysis,
        )  # fmt: skip
        for label, text in OUTPUTS.items():
            spec.output_namespace(label, dynamic=True, required=False, help=text)

    def trajectories(self) -> dict[str, orm.Data]:
        """Return the trajectories by name."""
        raise NotImplementedError

    def crystal(self, name: str) -> orm.StructureData | None:
        """Return the crystal that the run of this name began from, where it is known."""
        return None

    def to_reduce(self) -> Mapping[str, StashedTrajectoryData]:
        """Return the runs that are to be analysed where they are."""
        return stashed_only(self.trajectories())

    def job_of(self, name: str) -> str:
        """Return the name that the job of a run has where it is analysed where it is."""
        return name

    def reduction_of(self, key: str) -> Mapping[str, Any]:
        """Return parameters, sites and crystal."""
        sites = {"sites": self.inputs.sites} if "sites" in self.inputs else {}
        return {"parameters": self.analysis_parameters(), **sites, **self.where_from(key)}

    def analysis_parameters(self) -> orm.Dict:
        """Return the parameters of the analysis with the seed in them, one node for all runs.

        Where they name no study, this work chain is the study of its results.
        """
        if "analysis_parameters" not in self.ctx:
            given = {"study_uuid": self.origin_uuid, **self.inputs.analysis.get_dict()}
            self.ctx.analysis_parameters = orm.Dict({**given, "seed": self.inputs.seed.value}).store()
        return self.ctx.analysis_parameters

    def where_from(self, name: str) -> dict[str, Any]:
        """Return the argument by which a calcfunction learns of the crystal of a run."""
        crystal = self.crystal(name)
        return {} if crystal is None else {"structure": crystal}

    def diffusivity_of(self, name: str, trajectory: orm.Data) -> Any:
        """Return the diffusivity of one run, ``None`` where it has none."""
        if is_stashed(trajectory):
            return self.reduced(self.job_of(name), "diffusivity")
        parameters = self.analysis_parameters()
        return self.call(compute_diffusivity, f"diffusivity_{name}", trajectory, parameters, **self.where_from(name))

    def analyse_transport(self) -> ExitCode | None:
        """Turn every trajectory into a diffusivity, and fit them."""
        diffusivities = {}
        for name, trajectory in self.trajectories().items():
            result = self.diffusivity_of(name, trajectory)
            if result is None:
                if self.needs_every_run:
                    return self.function_failure()
                self.ctx.still = {**self.ctx.get("still", {}), name: self.ctx.function_failure[-1]}
                continue
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
        modes, unplaced = {}, {}
        for name, trajectory in self.trajectories().items():
            history = self.history_of(name, trajectory)
            if history is None:
                unplaced[name] = self.ctx.function_failure[-1]
                self.report(f"{name}: {unplaced[name]}")
                continue
            self.out(f"site_histories.{name}", history)
            results = self.site_results_of(name, trajectory, history)
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

    def history_of(self, name: str, trajectory: orm.Data) -> Any:
        """Return the sites of the carriers of one run, ``None`` where they have none."""
        if is_stashed(trajectory):
            return self.reduced(self.job_of(name), "site_history")
        inputs = (trajectory, self.inputs.sites, self.analysis_parameters())
        return self.call(assign_carrier_sites, f"sites_{name}", *inputs, **self.where_from(name))

    def site_results_of(self, name: str, trajectory: orm.Data, history: orm.Data) -> dict[str, orm.Data] | None:
        """Return ``statistics`` and ``modes`` of one run, ``None`` where its history has none."""
        if is_stashed(trajectory):
            found = {label: self.reduced(self.job_of(name), label) for label in ("site_statistics", "modes")}
            return None if None in found.values() else {"statistics": found["site_statistics"], "modes": found["modes"]}
        inputs = (history, self.inputs.sites, self.analysis_parameters())
        results: dict[str, orm.Data] | None = self.call(analyse_site_history, f"analysis_{name}", *inputs)
        return results

    def note_departure(self, name: str, result: orm.Data) -> None:
        """Say that a run is left out of the fits, where its framework left its crystal."""
        if has_departed(result):
            reason = f"the framework is {result['framework_departure_A']:.1f} Å from its crystal (root mean square)"
            self.report(f"{name}: {reason}; it is kept as a result and left out of the fits")
            self.ctx.departed = {**self.ctx.get("departed", {}), name: reason}
