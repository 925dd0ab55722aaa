from pathlib import Path

import pytest
import yaml

from aiida_concerted.workflows import protocols
from aiida_concerted.workflows.explore import ExploreWorkChain
from aiida_concerted.workflows.protocols import ProtocolError, ProtocolMixin

FILES = sorted(Path(protocols.__file__).parent.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_has_the_four_protocols_each_with_a_description(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(content["protocols"]) == {"fast", "balanced", "stringent", "paper"}
    assert content["default_protocol"] == "balanced"
    assert all(protocol["description"] for protocol in content["protocols"].values())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_difference_of_a_protocol_is_a_known_key(path):
    class Probe(ProtocolMixin):
        _protocol_file = path.stem

    for content in yaml.safe_load(path.read_text(encoding="utf-8"))["protocols"].values():
        Probe.get_protocol_inputs("balanced", content.get("inputs") or {})


def test_overrides_reach_the_leaf_and_leave_the_rest():
    plain = ExploreWorkChain.get_protocol_inputs("paper")
    changed = ExploreWorkChain.get_protocol_inputs("paper", {"md": {"production_ps": 1.5}})
    assert plain["md"]["production_ps"] == 60.0
    assert changed["md"] == {**plain["md"], "production_ps": 1.5}


def test_an_unknown_override_names_the_nearest_key():
    with pytest.raises(ProtocolError, match=r"explore\.md\.production_fs'.*did you mean 'production_ps'"):
        ExploreWorkChain.get_protocol_inputs("fast", {"md": {"production_fs": 1.0}})


def test_an_unknown_protocol_names_the_nearest():
    with pytest.raises(ProtocolError, match="did you mean 'balanced'"):
        ExploreWorkChain.get_protocol_inputs("balance")


def test_other_packages_names_are_aliases():
    assert ExploreWorkChain.get_protocol_inputs("moderate") == ExploreWorkChain.get_protocol_inputs("balanced")
