import shlex

import click
import pytest

from aiida_concerted.cli.main import cli
from benchmarks.query_speed import QUESTIONS, command_of, machine


@pytest.mark.parametrize(("kind", "criteria"), QUESTIONS)
def test_the_command_beside_a_time_is_one_that_the_program_understands(kind, criteria):
    name, *words = shlex.split(command_of(kind, criteria))
    command = cli.get_command(click.Context(cli), name)
    assert command.make_context(name, words).params["kind"] == kind


def test_the_machine_is_named():
    assert "cores" in machine()
