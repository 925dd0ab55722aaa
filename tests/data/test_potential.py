from __future__ import annotations

import hashlib
import io

import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_concerted.data.potential import DeepPotentialData

pytestmark = pytest.mark.usefixtures("aiida_profile_clean")

KNOWN = {"type_map": ["Li", "S"], "cutoff_A": 6, "version": "3.2.0", "level_of_theory": "test", "seed": 7}
CONTENT = bytes(range(256)) * 5000


def potential(**changes):
    return DeepPotentialData(io.BytesIO(CONTENT), filename="model.pb", **{**KNOWN, **changes})


def test_file_and_facts_come_back():
    node = orm.load_node(potential().store().pk)
    assert node.get_content(mode="rb") == CONTENT
    assert node.filename == "model.pb"
    assert (node.type_map, node.cutoff_A, node.level_of_theory) == (["Li", "S"], 6.0, "test")
    assert node.sha256 == hashlib.sha256(CONTENT).hexdigest()
    attributes = node.base.attributes.all
    assert (attributes["backend"], attributes["compressed"], attributes["seed"]) == ("tensorflow", False, 7)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type_map": []}, "each element once"),
        ({"type_map": ["Li", "Li"]}, "each element once"),
        ({"cutoff_A": 0}, "cutoff_A must be positive"),
        ({"backend": "abacus"}, "backend must be one of"),
        ({"version": ""}, "needs its version"),
        ({"level_of_theory": ""}, "needs its level_of_theory"),
    ],
)
def test_an_invalid_node_is_not_stored(changes, message):
    with pytest.raises(ValidationError, match=message):
        potential(**changes).store()


def test_a_node_whose_file_was_exchanged_is_not_stored():
    node = potential()
    node.set_file(io.BytesIO(b"other"), "model.pb")
    with pytest.raises(ValidationError, match="sha256"):
        node.store()
