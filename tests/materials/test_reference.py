"""Published values: complete, sourced, and of the modes and labels that the site model knows."""

from __future__ import annotations

import math

import pytest

from aiida_concerted.materials import load_reference_values, load_site_model, short_source


def test_every_value_has_a_source_a_kind_and_a_finite_number() -> None:
    values = load_reference_values("LGPS")
    assert len(values) > 30
    for value in values:
        assert math.isfinite(value.value)
        assert value.uncertainty is None or 0 < value.uncertainty < abs(value.value)
        assert value.kind in {"deep potential", "AIMD", "DFT", "experiment", "molecular dynamics"}
        assert any(year in value.source for year in ("20", "md-data"))


def test_labels_are_those_of_the_site_model() -> None:
    model = load_site_model("lgps")
    known = {*model.labels, *model.modes}
    labelled = [value for value in load_reference_values("lgps") if value.label is not None]
    assert {value.label for value in labelled} <= known
    energies = {
        v.label: v.value for v in labelled if v.quantity == "mode_activation_energy" and v.kind == "deep potential"
    }
    assert list(energies) == list(model.modes)
    assert energies["Li1-Li3-Li1"] == 0.15


def test_a_material_without_references_has_none() -> None:
    assert load_reference_values("unobtainium") == []


@pytest.mark.parametrize(
    ("source", "short"),
    [
        ("Z.-H. Fu et al., J. Energy Chem. (2022), doi 10.1016/j.jechem.2022.01.018", "Fu 2022"),
        ("X. He, Y. Zhu, Y. Mo, Nat. Commun. 8, 15893 (2017)", "He 2017"),
        ("LiuGroupHNU/md-data, DP-PBEsol, 900 atoms", "md-data"),
    ],
)
def test_sources_have_short_names(source, short):
    assert short_source(source) == short
