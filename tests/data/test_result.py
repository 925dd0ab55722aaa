import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_concerted.data.results import (
    RESULT_CLASSES,
    ArrheniusData,
    DiffusivityData,
    VacancyFormationData,
)

COMMON = {
    "material": "LGPS",
    "formula": "GeLi10P2S12",
    "carrier": "Li",
    "level_of_theory": "test",
    "n_atoms": 200,
}
DIFFUSIVITY = {
    **COMMON,
    "temperature_K": 600.0,
    "diffusivity_m2_s": 6e-10,
    "diffusivity_stderr_m2_s": 1e-10,
    "sampling": "insufficient",
    "duration_ps": 15.0,
    "method": "gls",
}


def test_a_result_comes_back_as_it_went_in():
    arrays = {"lag_ps": np.arange(3.0), "tracer_A2": np.arange(3.0) ** 2}
    node = DiffusivityData(attributes=DIFFUSIVITY, result={"fit_window_ps": [0.5, 2.0]}, arrays=arrays).store()
    loaded = orm.load_node(node.uuid)
    assert loaded["diffusivity_m2_s"] == 6e-10
    assert loaded.get_result() == {"fit_window_ps": [0.5, 2.0]}
    np.testing.assert_array_equal(loaded.get_arrays()["tracer_A2"], arrays["tracer_A2"])


def test_results_of_many_materials_answer_one_query():
    DiffusivityData(attributes=DIFFUSIVITY).store()
    DiffusivityData(attributes={**DIFFUSIVITY, "material": "argyrodite", "diffusivity_m2_s": 1e-9}).store()
    query = orm.QueryBuilder()
    query.append(
        DiffusivityData,
        filters={"attributes.temperature_K": 600.0, "attributes.diffusivity_m2_s": {">": 5e-10}},
        project=["attributes.material"],
    )
    assert {"LGPS", "argyrodite"} <= set(query.all(flat=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"material": None}, "needs the attribute 'material'"),
        ({"diffusivity_m2_s": "fast"}, "must be int or float"),
        ({"diffusivity_m2_s": True}, "must be int or float"),
        ({"diffusivity_m2_s": -1.0}, "cannot be negative"),
        ({"sampling": "plenty"}, "sampling must be"),
        ({"colour": "red"}, "unknown attributes"),
    ],
)
def test_a_wrong_result_cannot_be_stored(changes, message):
    node = DiffusivityData(attributes={**DIFFUSIVITY, **changes})
    with pytest.raises(ValidationError, match=message):
        node.store()


def test_what_is_not_finite_is_refused():
    with pytest.raises(ValidationError, match="leave out what is not known"):
        DiffusivityData(attributes=DIFFUSIVITY, result={"haven": {"upper": float("inf")}})


def test_keys_hold_no_dots():
    values = {
        **COMMON,
        "formation_energy_eV": {"Li.1": 3.0},
        "spread_eV": {},
        "n_sites": {"Li1": 1},
        "missing_labels": [],
        "reference_energy_eV_per_atom": -1.9,
        "perfect_energy_eV": -200.0,
    }
    with pytest.raises(ValidationError, match="without dots"):
        VacancyFormationData(attributes=values).store()


def test_a_fit_has_an_energy_or_a_reason_but_not_both():
    values = {**COMMON, "quantity": "mode_frequency", "mode": "Li1-Li3-Li1", "temperatures_K": [600], "method": "x"}
    ArrheniusData(attributes={**values, "reason": "too few events"}).store()
    for extra in ({}, {"reason": "x", "activation_energy_eV": 0.2}):
        with pytest.raises(ValidationError, match="either an activation energy or a reason"):
            ArrheniusData(attributes={**values, **extra}).store()


@pytest.mark.parametrize("result_class", RESULT_CLASSES)
def test_every_dimensional_attribute_names_its_unit(result_class):
    dimensionless = {"n_atoms", "schema_version", "haven_ratio", "haven_ratio_stderr", "ab_share", "n_hops", "n_events"}
    dimensionless |= {"tolerance", "p_trend"}
    for name, field in result_class.get_fields().items():
        assert field.help.endswith(".")
        if float in field.types and name not in dimensionless | {"prefactor"}:
            assert name.rsplit("_", 1)[-1] in {"K", "ps", "eV", "s", "m", "atom", "A"}, name
