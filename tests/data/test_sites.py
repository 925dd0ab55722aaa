import numpy as np
import pytest

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.placement import place_network
from aiida_concerted.data.sites import SiteHistoryData, SiteNetworkData
from aiida_concerted.materials import load_site_model

CONTEXT = {
    "material": "LGPS",
    "formula": "GeLi10P2S12",
    "carrier": "Li",
    "level_of_theory": "test",
    "n_atoms": 50,
    "temperature_K": 600.0,
}


def test_a_network_survives_storage():
    node = SiteNetworkData.from_site_model("lgps").store()
    network, original = node.get_network(), load_site_model("lgps").network()
    assert network.labels == original.labels
    np.testing.assert_allclose(network.fractional, original.fractional)
    assert node.base.attributes.get("counts") == {"Li1": 16, "Li2": 4, "Li3": 8, "Li4": 4}
    assert node.base.attributes.get("carrier") == "Li"


def test_the_outline_has_every_element_in_blocks():
    kinds = SiteNetworkData.from_site_model("lgps").get_outline().get_site_kindnames()
    blocks = [kind for index, kind in enumerate(kinds) if index == 0 or kinds[index - 1] != kind]
    assert sorted(blocks) == blocks == ["Ge", "Li", "P", "S"]


def test_a_history_is_placed_again_where_it_was():
    network = load_site_model("lgps").network()
    cell = network.cell * np.array([[2.0], [2.0], [1.0]])
    placed = place_network(network, cell, origin_shift=(0.1, 0.2, 0.3))
    sites = np.random.default_rng(0).integers(0, placed.n_sites, (20, 5))
    history = SiteHistory.from_dense(sites, 0.05, placed.labels)
    node = SiteHistoryData(history, placed, context=CONTEXT).store()
    again = node.place(network)
    np.testing.assert_allclose(again.positions, placed.positions)
    np.testing.assert_array_equal(node.get_history().to_dense(), sites)
    assert node.base.attributes.get("n_hops") == history.n_hops


def test_an_unknown_model_is_refused_by_name():
    with pytest.raises(ValueError, match="lgpss"):
        SiteNetworkData.from_site_model("lgpss")
