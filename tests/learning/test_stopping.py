import pytest

from aiida_concerted.learning.stopping import accurate_fractions, is_converged


def test_fractions_count_all_classes():
    counts = {
        "T300": {"accurate": 3, "candidate": 1, "failed": 0},
        "T600": {"accurate": 0, "candidate": 1, "failed": 1},
    }
    assert accurate_fractions(counts) == {"T300": 0.75, "T600": 0.0}


def test_an_empty_exploration_is_refused():
    with pytest.raises(ValueError, match="no frames"):
        accurate_fractions({"T300": {"accurate": 0, "candidate": 0, "failed": 0}})


def test_the_worst_temperature_decides():
    assert is_converged([{"a": 0.999, "b": 0.99}], threshold=0.99)
    assert not is_converged([{"a": 0.999, "b": 0.98}], threshold=0.99)


def test_turns_must_be_consecutive_and_last():
    good, bad = {"a": 1.0}, {"a": 0.5}
    assert is_converged([bad, good, good], threshold=0.9, consecutive=2)
    assert not is_converged([good, good, bad], threshold=0.9, consecutive=2)
    assert not is_converged([good], threshold=0.9, consecutive=2)
    assert not is_converged([], threshold=0.9)


@pytest.mark.parametrize(
    ("arguments", "message"), [({"consecutive": 0}, "consecutive"), ({"threshold": 0.0}, "threshold")]
)
def test_impossible_rules_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        is_converged([], **{"threshold": 0.9, **arguments})
