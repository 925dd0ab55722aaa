from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_concerted.data.frames import LabelledFramesData, content_hash
from tests.synthetic_md import random_frames

pytestmark = pytest.mark.usefixtures("aiida_profile_clean")


@pytest.mark.parametrize("virials", [True, False])
def test_frames_come_back_as_they_went_in(virials):
    frames = random_frames(virials=virials)
    node = orm.load_node(LabelledFramesData(frames, level_of_theory="test").store().pk)
    found = node.get_frames()
    assert (found.species, found.origins) == (frames.species, frames.origins)
    for name in ("cells", "positions", "energies", "forces"):
        np.testing.assert_array_equal(getattr(found, name), getattr(frames, name))
    assert (found.virials is not None) is virials
    assert len(node) == 3


def test_attributes_answer_queries():
    frames = random_frames(("Li", "Li", "Ge", "S"))
    LabelledFramesData(frames, level_of_theory="PBE", material="LGPS").store()
    query = orm.QueryBuilder().append(
        LabelledFramesData,
        filters={"attributes.material": "LGPS", "attributes.n_atoms": 4},
        project=["attributes.formula", "attributes.species", "attributes.n_frames", "attributes.content_hash"],
    )
    assert query.all() == [["Li2GeS", ["Li", "Ge", "S"], 3, content_hash(frames)]]


def test_the_content_hash_follows_the_numbers_and_not_their_origin():
    frames = random_frames()
    assert content_hash(frames) == content_hash(dataclasses.replace(frames, origins=()))
    changed = frames.forces.copy()
    changed[0, 0, 0] += 1e-12
    others = [
        dataclasses.replace(frames, forces=changed),
        dataclasses.replace(frames, virials=None),
        dataclasses.replace(frames, species=("Li", "P", "Li", "S", "S")),
        frames.select([1, 0, 2]),
    ]
    assert len({content_hash(other) for other in (frames, *others)}) == 5


def test_an_invalid_node_is_not_stored():
    with pytest.raises(ValidationError, match="level_of_theory"):
        LabelledFramesData(random_frames(), level_of_theory="").store()
    with pytest.raises(ValidationError, match="at least one frame"):
        LabelledFramesData(random_frames().select([]), level_of_theory="test").store()
    node = LabelledFramesData(random_frames(), level_of_theory="test")
    node.base.attributes.set("content_hash", "0" * 64)
    with pytest.raises(ValidationError, match="content_hash"):
        node.store()
