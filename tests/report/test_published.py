from __future__ import annotations

import pytest

from aiida_concerted.report.published import DIFFUSIVITY, MODE_ENERGY, Published, describe


def test_values_are_found_by_quantity_kind_label_and_temperature():
    published = Published.of("LGPS")

    (experiment,) = published.find(DIFFUSIVITY, kind="experiment", temperature_K=300.0)
    assert experiment.value == 4.1e-12
    assert {value.kind for value in published.find(MODE_ENERGY, label="Li4-Li1-Li3")} == {"deep potential", "DFT"}


def test_line_of_the_published_potential_goes_through_its_point():
    published = Published.of("LGPS")

    assert published.diffusivity_at(300.0) == pytest.approx(7.1e-12)
    # Fu et al.: 0.23 eV between 250 and 1200 K.
    assert published.diffusivity_at(1000.0) == pytest.approx(3.6e-9, rel=0.02)
    assert published.diffusivity_at(1300.0) is None


@pytest.mark.parametrize("material", ["unobtainium", "../secrets", "<script>", "a/b", ""])
def test_unknown_materials_have_no_published_values(material):
    published = Published.of(material)

    assert published.values == ()
    assert published.diffusivity_at(300.0) is None
    assert published.citations() == ()


def test_a_value_is_described_with_kind_and_source():
    (value,) = Published.of("LGPS").find(DIFFUSIVITY, kind="experiment")

    assert describe(value) == "(4.1 ± 2.0) ×10⁻¹² (experiment, Kuhn 2013)"


def test_every_citation_is_named_once():
    shorts = [short for short, _ in Published.of("LGPS").citations()]

    assert "Fu 2022" in shorts
    assert len(shorts) == len(Published.of("LGPS").citations())
