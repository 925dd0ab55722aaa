"""LGPS ordered from its own site model."""

import pytest
from aiida import orm

from aiida_concerted.calculations.functions.order_site_model import order_site_model
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.materials import load_site_model, read_site_model
from aiida_concerted.structures.labelling import label_carriers


@pytest.fixture
def ordered(aiida_profile):
    return order_site_model(orm.Str("lgps"), orm.Dict({"seed": 1}))


def test_lgps_becomes_fifty_neutral_atoms_with_carriers_on_every_label(ordered):
    assert ordered["structure"].get_formula(mode="hill") == "Ge2Li20P4S24"
    results = ordered["results"].get_dict()
    assert sum(results["counts"].values()) == 20
    assert min(results["counts"].values()) >= 1
    assert set(results["counts"]) == {"Li1", "Li2", "Li3", "Li4"}
    assert results["seed"] == 1


def test_no_two_atoms_of_the_ordered_cell_are_too_close(ordered):
    distances = ordered["structure"].get_ase().get_all_distances(mic=True)
    assert distances[distances > 0].min() > 1.9


def test_labels_of_the_search_are_found_again_in_the_structure(ordered):
    found = label_carriers(ordered["structure"].get_ase(), "Li", load_site_model("lgps").network())
    assert [found[index].label for index in range(20)] == ordered["results"]["labels"][:20]
    assert max(site.distance_A for site in found.values()) < 1e-3


def test_a_site_network_node_orders_the_same(ordered):
    again = order_site_model(SiteNetworkData.from_site_model("lgps"), orm.Dict({"seed": 1}))
    assert again["structure"].get_ase() == ordered["structure"].get_ase()


def test_a_model_of_ones_own_is_ordered_from_what_its_node_holds(aiida_profile, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(read_site_model("lgps").replace("material: LGPS", "material: Mine"), encoding="utf-8")
    sites = SiteNetworkData.from_site_model(str(path)).store()
    path.unlink()
    outputs = order_site_model(sites, orm.Dict({"seed": 1}))
    assert outputs["results"]["material"] == "Mine"
    assert outputs["structure"].get_formula(mode="hill") == "Ge2Li20P4S24"


def test_a_path_is_refused_because_no_node_holds_it(aiida_profile, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(read_site_model("lgps"), encoding="utf-8")
    _, node = order_site_model.run_get_node(orm.Str(str(path)), orm.Dict({"seed": 1}))
    assert node.exit_status == 211
    assert "no shipped model" in node.exit_message


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [({}, "needs a seed"), ({"seed": 1, "steps": 3}, "knows seed"), ({"seed": 1, "min_per_label": 9}, "do not fit")],
)
def test_what_cannot_be_ordered_ends_with_a_reason(aiida_profile, parameters, reason):
    _, node = order_site_model.run_get_node(orm.Str("lgps"), orm.Dict(parameters))
    assert node.exit_status in (210, 211)
    assert reason in node.exit_message
