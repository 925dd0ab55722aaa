import re
from pathlib import Path

import pytest
import yaml

from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.learning.picking import pick_frames
from aiida_concerted.learning.settings import SelectionSettings, StoppingSettings
from aiida_concerted.learning.stopping import Turn
from tests.learning.tables import random_runs, run_of

PLAIN = {"trust_lower_eV_A": 0.12, "trust_upper_eV_A": 0.25, "max_selected": 5}


def selection(**more):
    return from_mapping(SelectionSettings, {**PLAIN, **more}, "selection")


def test_the_plain_settings_are_dpgens_rule_and_a_random_draw():
    policy = selection().policy()
    assert (policy.rule.name, policy.choice, policy.scope, policy.screens) == ("dpgen", "random", "all", None)
    assert policy.quota.maximum == 5


@pytest.mark.parametrize("rule", ["dpgen", "dpgen2", "adaptive"])
@pytest.mark.parametrize("choice", ["random", "highest", "quantiles", "inverse_population"])
def test_every_rule_picks_with_every_choice(rule, choice):
    policy = selection(rule=rule, choice=choice, scope="system", virial_lower_eV=0.1, virial_upper_eV=0.3).policy()
    picked = pick_frames(random_runs(3), policy, seed=1)
    assert sum(map(len, picked.rows.values())) == 10


def test_levels_by_system_and_temperature():
    table = selection(
        levels=[
            {"temperature_K": 1200, "trust_lower_eV_A": 0.3, "trust_upper_eV_A": 0.6},
            {"system": "big", "trust_lower_eV_A": 0.2, "trust_upper_eV_A": 0.4},
            {"system": "glass", "temperature_K": 900, "trust_lower_eV_A": 0.5, "trust_upper_eV_A": 0.9},
        ]
    ).policy().rule.force  # fmt: skip
    assert table.of("cell").lower == 0.12
    assert table.of("cell", 1200.0).lower == 0.3
    assert table.of("big", 1200.0).lower == 0.2
    assert table.of("glass", 900.0).upper == 0.9


def test_the_adaptive_rule_needs_no_lower_level():
    settings = from_mapping(
        SelectionSettings,
        {"trust_upper_eV_A": 0.25, "max_selected": 3, "rule": "adaptive", "adaptive": {"number_force": 2}},
        "selection",
    )
    picked = pick_frames({"r": run_of([0.01, 0.2, 0.1, 0.3])}, settings.policy(), seed=0)
    assert picked.rows["r"].tolist() == [1, 2]


def test_screens_are_read_with_their_units():
    screens = selection(screens={"min_distances_A": {"Li-S": 1.5}, "angles_deg": [60, 120], "tilt_ratio": 1}).policy()
    assert screens.screens.least_distance("S", "Li") == 1.5
    assert screens.screens.angles == (60, 120)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"ruel": "dpgen"}, "unknown key 'ruel' in selection: did you mean 'rule'"),
        ({"rule": "dpgn"}, "unknown rule 'dpgn': did you mean 'dpgen'"),
        ({"choice": "randm"}, "unknown choice 'randm': did you mean 'random'"),
        ({"scope": "temperature"}, "grouped by all, system or run"),
        ({"adaptive": {"number_force": 3}}, "would be ignored by the rule 'dpgen'"),
        ({"rule": "adaptive", "adaptive": {"number_forces": 3}}, "did you mean 'number_force'"),
        ({"screens": {"min_distance_A": {}}}, "did you mean 'min_distances_A'"),
        ({"levels": [{"trust_lower_eV_A": 0.1, "trust_upper_eV_A": 0.2}]}, "needs a system, a temperature_K"),
        ({"levels": [{"system": "a", "trust_lower_eV_A": 0.3, "trust_upper_eV_A": 0.2}]}, "0 < lower < upper"),
        ({"levels": [{"sytem": "a", "trust_upper_eV_A": 0.2}]}, "did you mean 'system'"),
        ({"trust_lower_eV_A": None}, "the rule 'dpgen' needs trust_lower_eV_A"),
        ({"max_selected": True}, "whole number"),
    ],
)
def test_what_is_wrong_is_named_with_the_nearest(more, message):
    with pytest.raises(ValueError, match=message):
        selection(**more)


def stopping(**more):
    settings = from_mapping(StoppingSettings, more, "stopping")
    return settings.policy(fraction=0.9, consecutive=1, max_turns=3)


GOOD = Turn(accurate={"a": 0.95}, counts={"accurate": 95, "candidate": 5, "failed": 0}, temperatures_K={"a": 900.0})


def test_without_more_accurate_runs_or_turns_end_the_loop():
    assert stopping().decide([GOOD]).rule == "accurate"
    assert stopping().decide([Turn(accurate={"a": 0.5})] * 3).rule == "budget"


def test_rules_by_name_combine():
    assert stopping(rules=["accurate", "overall_accurate"]).decide([GOOD]).rule == "accurate+overall_accurate"
    assert stopping(rules=["accurate", "plateau"]).decide([GOOD]).rule == "plateau"
    assert stopping(rules=["accurate", "levels"], combine="any").decide([GOOD]).stop


def test_the_fraction_by_temperature_and_the_labels_are_heeded():
    table = [{"temperature_K": 300, "fraction": 0.9}, {"temperature_K": 900, "fraction": 0.97}]
    assert not stopping(accurate_by_temperature=table).decide([GOOD]).stop
    assert stopping(max_labels=10).decide([Turn(accurate={"a": 0.1}, labelled=10)]).rule == "budget"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"rule": ["accurate"]}, "did you mean 'rules'"),
        ({"rules": ["acurate"]}, "did you mean 'accurate'"),
        ({"combine": "some"}, "all or any"),
        ({"plateau": {"turn": 2}}, "did you mean 'turns'"),
        ({"levels": {"tolerance_eV_A": -1}}, "tolerance must be a positive"),
        ({"accurate_by_temperature": [{"temperature_K": 300}]}, "lacks fraction"),
        ({"rules": ["observable"]}, "belong together"),
        ({"observable": {"temperature_K": 1000}}, "belong together"),
        ({"rules": ["observable"], "observable": {"temperature": 1000}}, "did you mean 'temperature_K'"),
        ({"rules": ["observable"], "observable": {"temperature_K": -1}}, "temperature_K must be a positive"),
        ({"max_labels": 0}, "labels must be a positive integer"),
    ],
)
def test_what_is_wrong_about_stopping_is_named(more, message):
    with pytest.raises(ValueError, match=message):
        stopping(**more)


PAGE = Path(__file__).parents[2] / "docs" / "howto" / "trust-levels.md"


def test_what_the_page_on_trust_levels_shows_is_accepted():
    blocks = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)]
    assert [list(block) for block in blocks] == [["selection"], ["selection"], ["selection"], ["stopping"]]
    assert selection(**blocks[0]["selection"]).calibration().floor_eV_A == 0.05
    assert from_mapping(SelectionSettings, blocks[1]["selection"], "selection").systems() == ("disordered",)
    from_mapping(SelectionSettings, blocks[2]["selection"], "selection")
    from_mapping(StoppingSettings, blocks[3]["stopping"], "stopping")


def test_levels_of_temperatures_are_given_or_calibrated():
    own = [{"temperature_K": 300, "trust_lower_eV_A": 0.1, "trust_upper_eV_A": 0.2}]
    assert selection(calibrate={}).calibration().quantile == 0.95
    for by in ("all", "temperature"):  # given ones go before those of all frames, which would be calibrated for nothing
        with pytest.raises(ValueError, match="keep one of the two"):
            selection(calibrate={"by": by}, levels=own)
    with pytest.raises(ValueError, match="did you mean 'quantile'"):
        selection(calibrate={"quantil": 0.9})
