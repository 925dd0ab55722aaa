import numpy as np
import pytest

from aiida_concerted.calculations.functions.fit_arrhenius import fit_diffusivity
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K
from aiida_concerted.data.results import DiffusivityData
from tests.data.test_result import DIFFUSIVITY


def point(temperature, value, **changes):
    return DiffusivityData(
        attributes={
            **DIFFUSIVITY,
            "temperature_K": temperature,
            "diffusivity_m2_s": value,
            "diffusivity_stderr_m2_s": max(0.1 * value, 1e-13),
            **changes,
        }
    )


def arrhenius(temperature, energy=0.23, prefactor=5.2e-8):
    return prefactor * np.exp(-energy / (BOLTZMANN_EV_PER_K * temperature))


@pytest.mark.usefixtures("aiida_profile")
class TestFitDiffusivity:
    def test_planted_energy_and_prefactor_come_back(self):
        fit = fit_diffusivity(**{f"T{T}": point(float(T), arrhenius(T)) for T in (600, 800, 1000, 1200)})
        assert fit["activation_energy_eV"] == pytest.approx(0.23, abs=1e-6)
        assert fit["prefactor"] == pytest.approx(5.2e-8, rel=1e-5)
        assert fit["temperatures_K"] == [600.0, 800.0, 1000.0, 1200.0]
        inverse = 1 / (BOLTZMANN_EV_PER_K * np.array([600, 800, 1000, 1200]))
        closed_form = 0.1 / np.sqrt(((inverse - inverse.mean()) ** 2).sum())  # ten per cent error at each
        assert fit["activation_energy_stderr_eV"] == pytest.approx(closed_form, rel=1e-6)

    def test_the_order_in_which_runs_are_given_changes_nothing(self):
        ends = {"": 1.0, "_s2": 1.3, "_s3": 0.9}
        given = {
            f"run_T{T}{end}": point(float(T), factor * arrhenius(T)) for T in (600, 800) for end, factor in ends.items()
        }
        fit, again = fit_diffusivity(**given), fit_diffusivity(**dict(reversed(given.items())))
        assert fit.get_result() == again.get_result()
        found = [entry["diffusivity_m2_s"] for entry in fit.get_result()["points"]]
        assert found == [node["diffusivity_m2_s"] for node in given.values()]

    def test_the_value_at_room_temperature_is_that_of_the_line(self):
        temperatures = (600, 800, 1000, 1200)
        # Nernst–Einstein: the conductivity goes as D/T where the density of carriers is the same.
        points = {
            f"T{T}": point(float(T), arrhenius(T), conductivity_S_m=4e12 * arrhenius(T) / T) for T in temperatures
        }
        fit = fit_diffusivity(**points)
        assert fit["diffusivity_300K_m2_s"] == pytest.approx(arrhenius(300), rel=1e-5)
        assert fit["diffusivity_300K_lower_m2_s"] < arrhenius(300) < fit["diffusivity_300K_upper_m2_s"]
        for ending in ("", "_lower", "_upper"):
            expected = 4e12 * fit[f"diffusivity_300K{ending}_m2_s"] / 300
            assert fit[f"conductivity_300K{ending}_S_m"] == pytest.approx(expected, rel=1e-9)

    def test_without_conductivities_there_is_none_at_room_temperature(self):
        fit = fit_diffusivity(**{f"T{T}": point(float(T), arrhenius(T), conductivity_S_m=None) for T in (600, 900)})
        assert fit["diffusivity_300K_m2_s"] == pytest.approx(arrhenius(300), rel=1e-5)
        assert fit.get("conductivity_300K_S_m") is None

    def test_a_point_where_nothing_diffuses_is_left_out_and_named(self):
        points = {"a": point(300.0, 0.0), "b": point(600.0, arrhenius(600)), "c": point(900.0, arrhenius(900))}
        fit = fit_diffusivity(**points)
        assert fit["temperatures_K"] == [600.0, 900.0]
        assert fit.get_result()["excluded_temperatures_K"] == [300.0]

    def test_one_temperature_gives_a_reason(self):
        fit = fit_diffusivity(a=point(600.0, 1e-9), b=point(300.0, 0.0))
        assert "a fit needs two" in fit["reason"]
        assert fit.get("activation_energy_eV") is None

    def test_two_materials_do_not_share_a_line(self):
        _, process = fit_diffusivity.run_get_node(a=point(600.0, 1e-9), b=point(900.0, 2e-9, material="other"))
        assert process.exit_status == 210
        assert "one material" in process.exit_message
