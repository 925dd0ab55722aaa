"""The result nodes of a study, one class a kind of result."""

from __future__ import annotations

from typing import ClassVar

from aiida.common.exceptions import ValidationError

from aiida_concerted.analysis.cell_sizes import CONVERGED, DEPENDS, NOT_ASSESSED, UNDECIDED
from aiida_concerted.data.result import REAL, Field, ResultData

SIZE_VERDICTS = (CONVERGED, DEPENDS, UNDECIDED, NOT_ASSESSED)

QUANTITIES = ("tracer_diffusivity", "charge_diffusivity", "mode_frequency", "residence_time")

DEPARTURE = Field(
    REAL,
    "Root mean square distance in Å, late in the run, of the framework's steadiest element from its places in the "
    "crystal the run began from.",
    required=False,
)


class DiffusivityData(ResultData):
    """Tracer and charge diffusivity, Haven ratio and conductivities at one temperature, with the MSD curve."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "temperature_K": Field(REAL, "Temperature in K."),
        "diffusivity_m2_s": Field(REAL, "Tracer diffusivity in m² s⁻¹."),
        "diffusivity_stderr_m2_s": Field(REAL, "Standard error of the tracer diffusivity in m² s⁻¹."),
        "charge_diffusivity_m2_s": Field(REAL, "Charge diffusivity in m² s⁻¹.", required=False),
        "charge_diffusivity_stderr_m2_s": Field(REAL, "Its standard error in m² s⁻¹.", required=False),
        "haven_ratio": Field(REAL, "Tracer over charge diffusivity.", required=False),
        "haven_ratio_stderr": Field(REAL, "Standard error of the Haven ratio.", required=False),
        "conductivity_S_m": Field(REAL, "Nernst–Einstein conductivity in S m⁻¹.", required=False),
        "conductivity_stderr_S_m": Field(REAL, "Its standard error in S m⁻¹.", required=False),
        "ab_share": Field(REAL, "(D_a + D_b) over the trace of the tensor.", required=False),
        "n_hops": Field(REAL, "Effective number of hops behind the estimate.", required=False),
        "framework_departure_A": DEPARTURE,
        "sampling": Field((str,), "'sufficient' or 'insufficient' by the rule named in the result."),
        "duration_ps": Field(REAL, "Length of the trajectory analysed in ps."),
        "method": Field((str,), "Name of the estimator."),
    }

    def _validate(self) -> bool:
        super()._validate()
        if self["diffusivity_m2_s"] < 0 or self["diffusivity_stderr_m2_s"] < 0:
            raise ValidationError("a diffusivity and its standard error cannot be negative")
        if self["sampling"] not in ("sufficient", "insufficient"):
            raise ValidationError(f"sampling must be 'sufficient' or 'insufficient', got {self['sampling']!r}")
        return True


class SiteStatisticsData(ResultData):
    """Occupancy and residence time of each site label at one temperature."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "temperature_K": Field(REAL, "Temperature in K."),
        "occupancy": Field((dict,), "Mean carriers per site by label."),
        "occupancy_stderr": Field((dict,), "Its standard error by label.", required=False),
        "residence_time_ps": Field((dict,), "Mean residence time in ps by label; a label never left is absent."),
        "residence_time_lower_ps": Field((dict,), "Lower end of its 95 % interval in ps by label.", required=False),
        "residence_time_upper_ps": Field((dict,), "Upper end of its 95 % interval in ps by label.", required=False),
        "n_hops": Field((int,), "Hops counted after the recrossing rule."),
        "framework_departure_A": DEPARTURE,
        "recrossing_ps": Field(REAL, "Shortest stay in ps that counts as a visit."),
    }


class ModeFrequenciesData(ResultData):
    """Counts and frequencies of every class of concerted two-ion hops at one temperature."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "temperature_K": Field(REAL, "Temperature in K."),
        "modes": Field((dict,), "Frequency per cell of the site model in s⁻¹ by mode A-B-C."),
        "frequency_lower_per_cell_s": Field(
            (dict,), "Lower end of its 95 % interval in s⁻¹ by mode; absent where not bounded.", required=False
        ),
        "frequency_upper_per_cell_s": Field(
            (dict,), "Upper end of its 95 % interval in s⁻¹ by mode; absent where not bounded.", required=False
        ),
        "n_events": Field((dict,), "Events by mode, background included.", required=False),
        "framework_departure_A": DEPARTURE,
        "window_ps": Field(REAL, "Largest time between the two hops in ps."),
        "recrossing_ps": Field(REAL, "Shortest stay in ps that counts as a visit."),
    }


class ArrheniusData(ResultData):
    """An Arrhenius fit of one quantity over the temperatures of a sweep."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "quantity": Field((str,), f"One of {', '.join(QUANTITIES)}."),
        "mode": Field((str,), "Mode A-B-C or site label the fit belongs to.", required=False),
        "activation_energy_eV": Field(REAL, "Activation energy in eV.", required=False),
        "activation_energy_stderr_eV": Field(REAL, "Its standard error in eV.", required=False),
        "prefactor": Field(REAL, "Value at infinite temperature, in the quantity's unit.", required=False),
        "prefactor_unit": Field((str,), "Unit of the prefactor.", required=False),
        "diffusivity_300K_m2_s": Field(REAL, "Diffusivity at 300 K in m² s⁻¹, extrapolated.", required=False),
        "diffusivity_300K_lower_m2_s": Field(REAL, "Lower end of its 95 % interval in m² s⁻¹.", required=False),
        "diffusivity_300K_upper_m2_s": Field(REAL, "Upper end of its 95 % interval in m² s⁻¹.", required=False),
        "conductivity_300K_S_m": Field(
            REAL, "Nernst–Einstein conductivity at 300 K in S m⁻¹ of the extrapolated diffusivity.", required=False
        ),
        "conductivity_300K_lower_S_m": Field(REAL, "Lower end of its 95 % interval in S m⁻¹.", required=False),
        "conductivity_300K_upper_S_m": Field(REAL, "Upper end of its 95 % interval in S m⁻¹.", required=False),
        "temperatures_K": Field((list,), "Temperatures of the fit in K."),
        "framework_lost_temperatures_K": Field(
            (list,), "Temperatures in K left out because the framework had left its crystal.", required=False
        ),
        "n_events": Field((int,), "Events behind a fit of counts.", required=False),
        "reason": Field((str,), "Why there is no activation energy.", required=False),
        "method": Field((str,), "Name of the estimator."),
    }

    def _validate(self) -> bool:
        super()._validate()
        if self["quantity"] not in QUANTITIES:
            raise ValidationError(f"quantity must be one of {QUANTITIES}, got {self['quantity']!r}")
        if (self.get("activation_energy_eV") is None) == (self.get("reason") is None):
            raise ValidationError("a fit has either an activation energy or a reason why there is none")
        return True


class VacancyFormationData(ResultData):
    """Vacancy formation energies of the carrier by site label: E_vacancy + μ − E_perfect, neutral cells."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "formation_energy_eV": Field((dict,), "Mean formation energy in eV by label."),
        "spread_eV": Field((dict,), "Standard deviation over inequivalent sites in eV; absent for one site."),
        "n_sites": Field((dict,), "Sites computed by label."),
        "missing_labels": Field((list,), "Labels that no carrier of this structure has."),
        "reference_energy_eV_per_atom": Field(
            REAL, "Chemical potential of the carrier: energy per atom of the element."
        ),
        "perfect_energy_eV": Field(REAL, "Energy of the perfect supercell in eV."),
    }


class CellSizeData(ResultData):
    """Whether the tracer diffusivity has converged with the size of the cell, from runs at one temperature."""

    FIELDS: ClassVar[dict[str, Field]] = {
        "temperature_K": Field(REAL, "Temperature in K."),
        "verdict": Field((str,), f"One of {', '.join(repr(verdict) for verdict in SIZE_VERDICTS)}."),
        "ab_share_verdict": Field((str,), "The same of the share of the ab plane.", required=False),
        "cell_sizes_n_atoms": Field((list,), "Atoms of each cell, ascending."),
        "converged_from_n_atoms": Field(
            (int,), "Atoms of the smallest cell that agrees with all larger.", required=False
        ),
        "diffusivity_m2_s": Field(
            REAL, "Weighted mean in m² s⁻¹ of the cells that agree, or of the largest.", required=False
        ),
        "diffusivity_stderr_m2_s": Field(REAL, "Its standard error in m² s⁻¹.", required=False),
        "tolerance": Field(REAL, "Relative difference between cells that the errors had to show.", required=False),
        "p_trend": Field(REAL, "Probability of as clear a trend in one over the atoms by chance.", required=False),
        "left_out": Field((list,), "Runs left out: without a diffusivity, or their framework lost."),
    }

    def _validate(self) -> bool:
        super()._validate()
        if self["verdict"] not in SIZE_VERDICTS:
            raise ValidationError(f"verdict must be one of {SIZE_VERDICTS}, got {self['verdict']!r}")
        return True


RESULT_CLASSES: tuple[type[ResultData], ...] = (
    DiffusivityData,
    SiteStatisticsData,
    ModeFrequenciesData,
    ArrheniusData,
    VacancyFormationData,
    CellSizeData,
)
