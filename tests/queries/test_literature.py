"""Published numbers stand among computed ones, are told from them, and meet the same criteria."""

from __future__ import annotations

import pytest
from aiida.common.exceptions import ValidationError

from aiida_concerted import queries
from aiida_concerted.data.published import PublishedValueData
from aiida_concerted.imports.literature import import_references
from aiida_concerted.materials.reference import load_references
from tests.queries.bulk import BulkProfile

OURS = """
material: Li6PS5Cl
formula: Li6PS5Cl
carrier: Li
sources: {here: "A. Author et al., J. Tests 1, 2 (2020)"}
values:
  - {quantity: tracer_diffusivity, value: 3e-8, uncertainty: 1e-8, unit: cm2/s, temperature_K: 300, kind: experiment,
     source: here}
  - {quantity: conductivity, value: 1.9, unit: mS/cm, temperature_K: 300, kind: experiment, source: here}
  - {quantity: activation_energy, value: 350, unit: meV, kind: AIMD, source: here, temperature_range_K: [300, 600]}
"""


@pytest.fixture(scope="module")
def study(aiida_profile, tmp_path_factory):
    """Return a study in a profile that holds published numbers of two materials too."""
    aiida_profile.reset_storage()
    bulk = BulkProfile(seed=9)
    uuid = bulk.add_study()
    bulk.insert()
    path = tmp_path_factory.mktemp("published") / "ours.yaml"
    path.write_text(OURS)
    for references in (load_references("LGPS"), load_references(path)):
        assert all(one.is_new for one in import_references(references))
        assert not any(one.is_new for one in import_references(references))
    return uuid


def test_they_stand_beside_computed_ones(study):
    table = queries.diffusivities()
    assert {row["material"] for row in table if row["source"]} == {"LGPS", "Li6PS5Cl"}
    assert len([row for row in table if row["source"] is None]) == len(queries.diffusivities(study=study)) == 10
    row = next(row for row in table if row["material"] == "Li6PS5Cl" and row["diffusivity_m2_s"] and row["source"])
    assert row["diffusivity_m2_s"] == pytest.approx(3e-12)
    assert row["diffusivity_stderr_m2_s"] == pytest.approx(1e-12)
    assert row["level_of_theory"] == "experiment"
    assert row["source"].startswith("A. Author")
    assert len(queries.diffusivities(literature=False)) == 10


def test_they_meet_the_same_criteria(study):
    at_300 = queries.diffusivities(temperature_K=300, sort="-conductivity_S_m")
    assert at_300[0]["conductivity_S_m"] == pytest.approx(0.19)
    assert len(queries.diffusivities(temperature_K=300, material="lgps")) == 4
    assert len(queries.diffusivities(temperature_K=300, level_of_theory="AIMD")) == 1
    modes = queries.arrhenius(quantity="mode_frequency", max_activation_energy_eV=0.2)
    assert {row["activation_energy_eV"] for row in modes if row["source"]} == {0.15, 0.17, 0.18}
    assert {row["mode"] for row in queries.arrhenius(mode="li4-li1-li4")} == {"Li4-Li1-Li4"}
    fits = queries.arrhenius(material="Li6PS5Cl", quantity="tracer_diffusivity")
    assert [row["activation_energy_eV"] for row in fits if row["source"]] == [pytest.approx(0.35)]
    assert [row["temperatures_K"] for row in fits if row["source"]] == [[300.0, 600.0]]
    assert {row["site"] for row in queries.vacancies(formula="Li10GeP2S12") if row["source"]} == {"Li2", "Li4"}
    assert {row["occupancy"] for row in queries.occupancies(temperature_K=1000) if row["source"]} == {0.91}
    assert len(queries.potentials()) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("quantity: conductivity", "quantity: conductivty"), "did you mean 'conductivity'"),
        (("mS/cm", "Ohm"), "conductivity cannot be in 'Ohm': give it in S/m or S/cm or mS/cm"),
        (("value: 1.9", "value: much"), "value 2: value must be a number, got 'much'"),
        (("kind: AIMD, source: here", "kind: AIMD, source: there"), "there is no source 'there'"),
        (("material: Li6PS5Cl\n", ""), "lacks the key 'material'"),
        (("formula: Li6PS5Cl", "formula: '?'"), "is not a formula"),
        (("unit: meV", "units: meV"), "did you mean 'unit'"),
    ],
)
def test_a_wrong_file_is_refused(study, tmp_path, change, said):
    (tmp_path / "wrong.yaml").write_text(OURS.replace(*change))
    with pytest.raises(ValueError, match=said.replace("?", r"\?").replace("(", r"\(")):
        import_references(load_references(tmp_path / "wrong.yaml"))


def test_a_number_without_source_or_in_another_unit_is_not_stored(study):
    good = {
        "material": "x", "formula": "LiX", "carrier": "Li", "level_of_theory": "experiment", "quantity": "conductivity",
        "value": 1.0, "unit": "S/m", "source": "somebody (2020)",
    }  # fmt: skip
    PublishedValueData(good).store()
    for change in ({"source": " "}, {"unit": "mS/cm"}, {"quantity": "beauty"}, {"value": None}, {"n_atoms": 3}):
        with pytest.raises(ValidationError):
            PublishedValueData({**good, **change}).store()


def test_numbers_that_another_version_stored_are_not_stored_again(study, monkeypatch):
    from aiida_concerted.data import result

    monkeypatch.setattr(result, "SCHEMA_VERSION", 1)  # those that are there were written with another
    assert not any(one.is_new for one in import_references(load_references("LGPS")))
