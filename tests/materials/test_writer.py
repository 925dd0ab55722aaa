"""A site network written as YAML comes back as it was."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.materials import load_site_model, resolve_sites, shipped_materials
from aiida_concerted.materials.symmetry import network_operations
from aiida_concerted.materials.writer import site_model_text


@pytest.mark.parametrize("name", shipped_materials())
def test_every_shipped_network_survives_the_way_through_a_file(name, tmp_path) -> None:
    model = load_site_model(name)
    before = model.network()
    path = tmp_path / "sites.yaml"
    path.write_text(site_model_text(before, model.carrier), encoding="utf-8")
    after = resolve_sites(path, carrier=model.carrier).network()
    assert after.counts == before.counts
    assert np.allclose(after.cell, before.cell, atol=1e-4)
    order = {label: np.flatnonzero(np.array(before.labels) == label) for label in before.counts}
    places = np.concatenate([before.fractional[where] for where in order.values()])
    assert np.abs(after.fractional - places - np.rint(after.fractional - places)).max() < 1e-5
    assert (after.modes, after.groups, after.max_edge_A) == (before.modes, before.groups, before.max_edge_A)
    assert sorted(after.framework_elements) == sorted(before.framework_elements)
    assert after.paths_per_cell() == before.paths_per_cell()


def test_a_skewed_cell_keeps_its_lengths_and_angles(tmp_path) -> None:
    cell = np.array([[5.0, 0.0, 0.0], [1.0, 6.0, 0.0], [-0.5, 0.7, 7.0]])
    network = SiteNetwork(
        material="X", labels=("A", "B"), fractional=np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]), cell=cell
    )
    path = tmp_path / "sites.yaml"
    path.write_text(site_model_text(network, "Na"), encoding="utf-8")
    after = resolve_sites(path, carrier="Na").network()
    assert np.allclose(after.cell @ after.cell.T, cell @ cell.T, atol=1e-4)


def test_the_operations_of_lgps_are_those_of_its_space_group_and_keep_every_label() -> None:
    network = load_site_model("lgps").network()
    rotations, translations = network_operations(network)
    assert len(rotations) == 16  # P4_2/nmc, no centring
    labels = np.array(network.labels)
    for rotation, translation in zip(rotations, translations, strict=True):
        images = network.fractional @ rotation.T + translation
        difference = images[:, None] - network.fractional[None]
        distance = np.linalg.norm((difference - np.rint(difference)) @ network.cell, axis=-1)
        assert distance.min(axis=1).max() < 0.02
        assert (labels[distance.argmin(axis=1)] == labels).all()
