from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_concerted.analysis.radial import RadialDistribution
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K, PS_IN_S
from aiida_concerted.report.claims import CLAIMS, judge_claims
from aiida_concerted.report.content import Result, StructureContent
from aiida_concerted.report.published import Published

LGPS = Published.of("LGPS")
COLD, HOT = 600.0, 1000.0


@pytest.fixture
def empty(content):
    """Return a study of LGPS that has no results."""
    return replace(
        content, diffusivities=(), site_statistics=(), modes=(), arrhenius=(), histories=(), structures=(), events=()
    )


def verdict(content, key):
    return {item.key: item for item in judge_claims(content, LGPS)}[key]


def result(number, attributes, content=None):
    return Result(uuid=f"uuid-{number}", attributes=attributes, content=content or {})


def shares(empty, cold, hot, stderr=0.02, departure=0.0):
    items = [
        result(
            index,
            {"temperature_K": temperature, "ab_share": value, "framework_departure_A": departure},
            {"ab_share": {"value": value, "stderr": stderr}},
        )
        for index, (temperature, value) in enumerate(((COLD, cold), (HOT, hot)))
    ]
    return replace(empty, diffusivities=tuple(items))


def test_a_study_without_results_lets_nothing_be_said(empty):
    found = judge_claims(empty, LGPS)

    assert [item.key for item in found] == list(CLAIMS) == [*(f"C{number}" for number in range(1, 9)), "N16", "N17"]
    assert {item.verdict for item in found} == {"cannot be said"}
    assert all(item.numbers for item in found)


@pytest.mark.parametrize(
    ("cold", "hot", "expected"),
    [(0.2, 0.5, "agrees"), (0.6, 0.3, "differs"), (0.50, 0.52, "cannot be said"), (0.9, 0.7, "agrees")],
)
def test_anisotropy_weakens_where_the_share_comes_closer_to_two_thirds(empty, cold, hot, expected):
    found = verdict(shares(empty, cold, hot), "C1")

    assert found.verdict == expected
    assert found.uuids == ("uuid-0", "uuid-1")
    assert f"{COLD:g} K" in found.numbers


def test_runs_whose_framework_left_its_crystal_take_no_part(empty):
    assert verdict(shares(empty, 0.2, 0.5, departure=1.7), "C1").verdict == "cannot be said"


def peaks(empty, cold, hot, stderr=0.02):
    r = np.array([1.0, 2.0, 3.0])
    items = [
        StructureContent(
            f"uuid-{index}", temperature, 10.0, 10.0, None, {},
            {"Li-S": RadialDistribution(r, np.array([0.0, height, 1.0]), np.full(3, stderr), r)}, None,
        )
        for index, (temperature, height) in enumerate(((COLD, cold), (HOT, hot)))
    ]  # fmt: skip
    return replace(empty, structures=tuple(items))


@pytest.mark.parametrize(
    ("cold", "hot", "expected"), [(3.0, 2.0, "agrees"), (2.0, 3.0, "differs"), (2.0, 1.99, "cannot be said")]
)
def test_disorder_is_a_lower_peak(empty, cold, hot, expected):
    assert verdict(peaks(empty, cold, hot), "C2").verdict == expected


def residence(empty, energy_eV, bent=1.0, relative=0.05):
    items = []
    for index, temperature in enumerate((500.0, 700.0, 1000.0)):
        time = 0.1 * np.exp(energy_eV / (BOLTZMANN_EV_PER_K * temperature)) * (bent if index == 1 else 1.0)
        ends = {"lower": time * np.exp(-1.96 * relative), "upper": time * np.exp(1.96 * relative)}
        times = {"Li1": {"value": time, **ends}}
        attributes = {"temperature_K": temperature, "residence_time_ps": {"Li1": time}, "occupancy": {"Li1": 0.5}}
        items.append(result(index, attributes, {"sites": {"residence_time_ps": times}}))
    return replace(empty, site_statistics=tuple(items))


@pytest.mark.parametrize(
    ("energy", "bent", "expected"), [(0.2, 1.0, "agrees"), (-0.2, 1.0, "differs"), (0.2, 2.0, "differs")]
)
def test_residence_times_shorten_along_a_line(empty, energy, bent, expected):
    found = verdict(residence(empty, energy, bent), "C3")

    assert found.verdict == expected
    if bent == 1.0:
        assert f"{abs(energy):.2f}" in found.numbers


def modes(content, energies, stderr=0.01, scale=1.0):
    """Return a study whose named modes have these energies, with counts that lie on their fits times a scale."""
    prefactor, exposure = 1e12, 1e4
    fits, entries = [], {temperature: [] for temperature in (600.0, 800.0, 1000.0)}
    for index, (mode, energy) in enumerate(energies.items()):
        fits.append(
            result(
                f"fit-{index}",
                {
                    "quantity": "mode_frequency", "mode": mode, "activation_energy_eV": energy, "prefactor": prefactor,
                    "activation_energy_stderr_eV": stderr, "temperatures_K": list(entries), "n_events": 100,
                },
            )
        )  # fmt: skip
        for number, temperature in enumerate(entries):
            rate = prefactor * np.exp(-energy / (BOLTZMANN_EV_PER_K * temperature))
            count = rate * exposure * PS_IN_S * (scale if number == 1 else 1.0)
            half = 1.96 * np.sqrt(count + 1.0)
            entries[temperature].append(
                {
                    "label": mode, "raw": round(count), "count": count, "lower": count - half, "upper": count + half,
                    "exposure_cell_ps": exposure, "frequency_per_cell_s": {
                        "value": rate, "lower": rate * (1 - half / count), "upper": rate * (1 + half / count)
                    },
                }
            )  # fmt: skip
    results = [
        result(T, {"temperature_K": T, "modes": {}}, {"modes": items, "chains": {"2": 60}})
        for T, items in entries.items()
    ]
    return replace(content, modes=tuple(results), arrhenius=tuple(fits), named_modes=tuple(energies))


def test_modes_follow_their_fits_or_not(empty):
    energies = {"Li4-Li1-Li3": 0.15, "Li2-Li3-Li1": 0.33}

    assert verdict(modes(empty, energies), "C4").verdict == "agrees"
    assert verdict(modes(empty, energies, scale=3.0), "C4").verdict == "differs"
    lacking = replace(modes(empty, energies), named_modes=(*energies, "Li1-Li3-Li1"))
    assert verdict(lacking, "C4").verdict == "cannot be said"
    assert "1 named modes have too few events" in verdict(lacking, "C4").numbers


@pytest.mark.parametrize(
    ("low", "high", "stderr", "expected"),
    [(0.15, 0.33, 0.02, "agrees"), (0.33, 0.15, 0.02, "differs"), (0.15, 0.33, 0.2, "cannot be said")],
)
def test_modes_through_one_label_need_less_than_through_another(empty, low, high, stderr, expected):
    study = modes(empty, {"Li4-Li1-Li3": low, "Li2-Li3-Li1": high}, stderr)

    assert verdict(study, "C5").verdict == expected


def occupied(content, cold, hot, n_hops=100):
    items = [
        result(
            f"s{index}",
            {"temperature_K": T, "occupancy": {"Li2": value}, "occupancy_stderr": {"Li2": 0.01},
             "residence_time_ps": {}, "n_hops": n_hops},
        )
        for index, (T, value) in enumerate(((600.0, cold), (1000.0, hot)))
    ]  # fmt: skip
    return replace(content, site_statistics=tuple(items))


def test_a_label_empties_as_modes_through_it_set_in(empty):
    study = modes(empty, {"Li2-Li3-Li1": 0.33})

    assert verdict(occupied(study, 0.99, 0.9), "C6").verdict == "agrees"
    assert verdict(occupied(study, 0.9, 0.99), "C6").verdict == "differs"
    assert verdict(occupied(study, 0.9, 0.9), "C6").verdict == "cannot be said"


def test_most_hops_are_concerted_or_not(empty):
    study = modes(empty, {"Li2-Li3-Li1": 0.1})

    # Two chains of sixty in a hundred hops are more than there are: of a hundred and fifty they are four fifths.
    assert verdict(occupied(study, 0.9, 0.9, n_hops=150), "C7").verdict == "agrees"
    assert verdict(occupied(study, 0.9, 0.9, n_hops=1000), "C7").verdict == "differs"


@pytest.mark.parametrize(
    ("value", "lower", "upper", "expected"),
    [
        (7e-12, 5e-12, 9e-12, "agrees"),
        (1e-9, 8e-10, 2e-9, "differs"),
        (1.2e-10, 5e-11, 3e-10, "cannot be said"),
        (7e-12, 1e-16, 1e-7, "cannot be said"),
    ],
)
def test_the_diffusivity_at_room_temperature_is_closer_to_experiment_or_not(empty, value, lower, upper, expected):
    fit = result(
        "fit",
        {"quantity": "tracer_diffusivity", "activation_energy_eV": 0.2},
        {"extrapolated_300K_m2_s": {"value": value, "lower": lower, "upper": upper}},
    )
    found = verdict(replace(empty, arrhenius=(fit,)), "C8")

    assert found.verdict == expected
    assert "extrapolated" in found.numbers
    assert "4.1 ×10⁻¹²" in found.numbers


def test_the_synthetic_study_is_judged_with_its_own_nodes(whole):
    known = {item.uuid for group in (whole.diffusivities, whole.site_statistics, whole.modes, whole.arrhenius,
                                     whole.structures) for item in group}  # fmt: skip
    for item in judge_claims(whole, LGPS):
        assert set(item.uuids) <= known, item.key


@pytest.mark.parametrize(
    ("values", "expected"),
    [((0.2, 0.3, 0.4), "agrees"), ((0.2, 0.4, 0.3), "differs"), ((0.3, 0.31, 0.32), "cannot be said")],
)
def test_the_share_rises_where_it_falls_nowhere_and_the_ends_differ(empty, values, expected):
    items = [
        result(
            n,
            {"temperature_K": T, "ab_share": value, "diffusivity_m2_s": 0.0},
            {"ab_share": {"value": value, "stderr": 0.02}},
        )
        for n, (T, value) in enumerate(zip((300.0, 600.0, 800.0, 1000.0), (0.9, *values), strict=True))
    ]

    assert verdict(replace(empty, diffusivities=tuple(items)), "N16").verdict == expected


@pytest.mark.parametrize(
    ("bend", "expected"),
    [("arrhenius", "agrees"), ("two-pieces", "differs"), ("not assessed", "cannot be said")],
)
def test_one_line_is_what_the_fit_of_shapes_says(empty, bend, expected):
    attributes = {"quantity": "tracer_diffusivity", "temperatures_K": [300.0, 1200.0]}
    fit = result(0, attributes, {"bend": bend, "reduced_chi_square": 1.1})

    assert verdict(replace(empty, arrhenius=(fit,)), "N17").verdict == expected
