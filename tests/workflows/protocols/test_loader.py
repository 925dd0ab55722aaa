import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from aiida_concerted.formats.deepmd_input import TrainingParameters
from aiida_concerted.formats.md_parameters import MdParameters
from aiida_concerted.reduction.parameters import AnalysisParameters
from aiida_concerted.workflows import protocols
from aiida_concerted.workflows.deepmd.committee import DeepmdCommitteeWorkChain
from aiida_concerted.workflows.explore import ExploreWorkChain
from aiida_concerted.workflows.lammps.base import LammpsBaseWorkChain
from aiida_concerted.workflows.protocols import ProtocolError, ProtocolMixin
from aiida_concerted.workflows.protocols.loader import merge
from aiida_concerted.workflows.sweep import SweepWorkChain

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


@pytest.mark.parametrize(
    ("chain", "section", "key", "value"),
    [
        (ExploreWorkChain, "md", "max_temperature_K", 4000.0),
        (ExploreWorkChain, "md", "anneal_from_K", 100.0),
        (SweepWorkChain, "md", "deviation_interval_ps", 1.0),
        (SweepWorkChain, "analysis", "fit_window_ps", [1.0, 5.0]),
        (SweepWorkChain, "analysis", "material", "mine"),
        (LammpsBaseWorkChain, "md", "restart_interval_ps", 1.0),
    ],
)
def test_whatever_the_port_takes_may_be_overridden(chain, section, key, value):
    assert chain.get_protocol_inputs("fast", {section: {key: value}})[section][key] == value


@pytest.mark.parametrize(
    ("chain", "section", "classes"),
    [
        (ExploreWorkChain, "md", MdParameters),
        (SweepWorkChain, "md", MdParameters),
        (LammpsBaseWorkChain, "md", MdParameters),
        (SweepWorkChain, "analysis", AnalysisParameters),
        (DeepmdCommitteeWorkChain, "train", TrainingParameters),
    ],
)
def test_every_key_of_a_section_is_known_to_what_takes_it(chain, section, classes):
    known = {field.name for field in dataclasses.fields(classes)}
    for protocol in ("fast", "balanced", "stringent", "paper"):
        assert set(chain.get_protocol_inputs(protocol)[section]) <= known
    assert set(chain._section_keys.get(section, known)) <= known


def test_what_the_work_chain_sets_is_no_override():
    with pytest.raises(ProtocolError, match=r"explore\.md\.seed"):
        ExploreWorkChain.get_protocol_inputs("fast", {"md": {"seed": 3}})


def test_an_unknown_protocol_names_the_nearest():
    with pytest.raises(ProtocolError, match="did you mean 'balanced'"):
        ExploreWorkChain.get_protocol_inputs("balance")


def test_other_packages_names_are_aliases():
    assert ExploreWorkChain.get_protocol_inputs("moderate") == ExploreWorkChain.get_protocol_inputs("balanced")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_number_that_holds_by_default_says_where_it_comes_from(path):
    text = path.read_text(encoding="utf-8")
    defaults = text[text.index("default_inputs:") : text.index("protocols:", text.index("default_inputs:"))]
    numbers = [line for line in defaults.splitlines() if re.search(r":\s*\[?-?\d", line.split("#")[0])]
    assert [line for line in numbers if "#" not in line] == []


def test_whole_numbers_become_decimal_ones_where_those_stand():
    merged = merge({"a": {"b": 1.0, "c": 2, "d": True}}, {"a": {"b": 3, "c": 4, "d": 5}})
    assert merged == {"a": {"b": 3.0, "c": 4, "d": 5}}
    assert isinstance(merged["a"]["b"], float)
    assert isinstance(merged["a"]["c"], int)
