from __future__ import annotations

from dataclasses import dataclass

import pytest

from aiida_concerted.common.parameters import from_mapping, not_negative, positive, positive_integer, refuse_unknown


@dataclass(frozen=True)
class Oven:
    temperature_K: float
    plates: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        positive(temperature_K=self.temperature_K)


def test_a_dictionary_becomes_the_object_with_its_lists_as_tuples():
    assert from_mapping(Oven, {"temperature_K": 500, "plates": [2, 3]}, "oven") == Oven(500, (2, 3))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"temperature_k": 5}, r"unknown key 'temperature_k' in oven: did you mean 'temperature_K'\?"),
        ({"zzz": 5}, "known are: plates, temperature_K"),
        ({"plates": [1]}, "oven lacks temperature_K"),
        ({"temperature_K": None}, "oven lacks temperature_K"),
        ({"temperature_K": -1}, "oven: temperature_K must be a positive number, got -1"),
        ({"temperature_K": "hot"}, "got 'hot'"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(values, message):
    with pytest.raises(ValueError, match=message):
        from_mapping(Oven, values, "oven")


def test_checks_accept_numbers_and_refuse_the_rest():
    refuse_unknown(["a"], ["a", "b"], "x")
    for check in (positive, not_negative):
        with pytest.raises(ValueError, match="x must be finite, got inf"):
            check(x=float("inf"))
        check(x=10**400)
    positive(x=0.1)
    not_negative(x=0)
    positive_integer(x=1)
    for check, value in ((positive, 0), (positive, True), (positive, float("nan")), (not_negative, -1)):
        with pytest.raises(ValueError, match="x must be"):
            check(x=value)
    for value in (0, 1.0, True, "1"):
        with pytest.raises(ValueError, match="positive integer"):
            positive_integer(x=value)
