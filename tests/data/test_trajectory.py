from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_concerted.data.trajectory import MolecularDynamicsData
from tests.synthetic_md import small_trajectory

pytestmark = pytest.mark.usefixtures("aiida_profile_clean")


def test_a_trajectory_comes_back_with_its_facts():
    original = small_trajectory(stride=2)
    node = MolecularDynamicsData.from_trajectory(
        original, material="LGPS", level_of_theory="test", seed=5, supercell=(1, 1, 2), potential_sha256="ab"
    ).store()
    found = orm.load_node(node.pk).get_trajectory()
    np.testing.assert_allclose(found.carriers, original.carriers, atol=2e-6)
    np.testing.assert_array_equal(found.framework_displacement, original.framework_displacement)
    assert (found.framework_species, found.framework_stride) == (original.framework_species, 2)
    attributes = node.base.attributes.all
    expected = {
        "formula": "Li5PS3", "carrier": "Li", "temperature_K": 600.0, "n_frames": 7, "frame_interval_ps": 0.05,
        "framework_stride": 2, "n_atoms": 9, "n_carriers": 5, "supercell": [1, 1, 2], "material": "LGPS",
        "level_of_theory": "test", "seed": 5, "potential_sha256": "ab",
    }  # fmt: skip
    assert {key: attributes[key] for key in expected} == expected
    assert attributes["volume_A3"] == pytest.approx(original.volume_A3)
    assert node.duration_ps == pytest.approx(original.duration_ps)


def test_a_stored_file_is_readable_after_the_repository_is_packed(aiida_profile):
    original = small_trajectory(40)
    node = MolecularDynamicsData.from_trajectory(original).store()
    orm.load_node(node.pk)
    from aiida.manage import get_manager

    get_manager().get_profile_storage().maintain(full=True, compress=True)
    with node.reader() as reader:
        np.testing.assert_allclose(reader.carriers(30, 33), original.carriers[30:33], atol=2e-6)


def test_an_invalid_node_is_not_stored():
    node = MolecularDynamicsData.from_trajectory(small_trajectory())
    node.base.attributes.set("n_frames", 8)
    with pytest.raises(ValidationError, match="do not match the file"):
        node.store()
    node.base.attributes.delete("carrier")
    with pytest.raises(ValidationError, match=r"needs the attributes \['carrier'\]"):
        node.store()
    with pytest.raises(ValueError, match="needs its positions"):
        MolecularDynamicsData.from_trajectory(dataclasses.replace(small_trajectory(), framework=None))
