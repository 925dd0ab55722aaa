"""Runs of the command in this process, and trajectories on disk."""

from __future__ import annotations

from dataclasses import dataclass

from aiida_concerted.cli.main import cli, run_reporting_errors


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


def run_here(capsys, *arguments: object) -> Outcome:
    """Run the command as the installed program does, errors reported, in this process."""
    capsys.readouterr()
    status = run_reporting_errors(
        lambda: cli.main(args=[str(a) for a in arguments], prog_name="aiida-concerted", standalone_mode=False)
    )
    captured = capsys.readouterr()
    return Outcome(status, captured.out, captured.err)


def assert_one_line(outcome: Outcome, status: int, said: str) -> None:
    """Check that the command failed with one line that says so, and nothing else."""
    assert outcome.status == status, outcome
    assert outcome.out == ""
    assert len(outcome.err.splitlines()) == 1, outcome.err
    assert outcome.err.startswith("Error: ")
    assert said in outcome.err
