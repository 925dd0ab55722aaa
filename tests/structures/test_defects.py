"""Vacancies of published and of ordered cells."""

import numpy as np
import pytest
from ase.build import bulk
from ase.io import read

from aiida_concerted.materials import load_site_model
from aiida_concerted.structures.defects import plan_vacancies
from aiida_concerted.structures.labelling import label_carriers
from tests.published import needs, published

PUBLISHED = published("Li10GeP2S12_mp-696138.cif")


def test_without_a_network_every_inequivalent_carrier_is_its_own_label():
    atoms = bulk("LiCl", "rocksalt", a=5.13, cubic=True)
    plan = plan_vacancies(atoms, "Li", [2, 1, 1])
    assert [site.label for site in plan.sites] == ["Li1"]
    assert plan.sites[0].multiplicity == 4
    assert len(plan.defect(plan.sites[0])) == len(plan.perfect) - 1 == 15
    assert plan.missing_labels == ()


def test_unknown_selection_is_refused():
    with pytest.raises(ValueError, match="one_per_label or all"):
        plan_vacancies(bulk("LiCl", "rocksalt", a=5.13), "Li", [1, 1, 1], selection="best")


@needs(PUBLISHED)
def test_published_ground_state_has_the_known_sites_and_each_lithium_is_inequivalent():
    atoms, network = read(PUBLISHED), load_site_model("lgps").network()
    labels = [site.label for site in label_carriers(atoms, "Li", network).values()]
    assert {label: labels.count(label) for label in set(labels)} == {"Li1": 11, "Li2": 4, "Li3": 4, "Li4": 1}
    plan = plan_vacancies(atoms, "Li", [1, 1, 1], network=network)
    assert len(plan.sites) == 20
    distances = [site.distance_A for site in plan.sites]
    assert np.max(distances) == pytest.approx(1.07, abs=0.1)
    one = plan_vacancies(atoms, "Li", [1, 1, 1], network=network, selection="one_per_label")
    assert sorted(site.label for site in one.sites) == ["Li1", "Li2", "Li3", "Li4"]
