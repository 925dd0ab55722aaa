from __future__ import annotations

import click
import pytest

from aiida_concerted.cli.grouped_help import GroupedCommand, Number


def test_options_stand_under_their_headings_and_none_is_lost():
    options = [click.Option([f"--{name}"], help=f"Help of {name}.") for name in ("one", "two", "three")]
    command = GroupedCommand("test", params=options, groups={"Second": ["two"], "First": ["one"]})
    shown = command.get_help(click.Context(command)).splitlines()
    places = [next(i for i, line in enumerate(shown) if line.strip().startswith(text)) for text in (
        "Second:", "--two", "First:", "--one", "Other:", "--three", "--help",
    )]  # fmt: skip
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("kind", "value", "accepted"),
    [
        ("finite", "-1.5e3", True), ("finite", "nan", False), ("finite", "-inf", False), ("finite", "two", False),
        ("positive", "0.1", True), ("positive", "0", False), ("positive", "inf", False),
        ("not negative", "0", True), ("not negative", "-0.1", False),
    ],
)  # fmt: skip
def test_numbers_are_checked(kind, value, accepted):
    if accepted:
        assert Number(kind).convert(value, None, None) == float(value)
    else:
        with pytest.raises(click.BadParameter, match=f"'{value}' is not a"):
            Number(kind).convert(value, None, None)
