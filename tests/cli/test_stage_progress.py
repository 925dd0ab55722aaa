"""Progress on a terminal and elsewhere, with a clock that is moved by hand."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from aiida_concerted.cli import stage_progress
from aiida_concerted.cli.stage_progress import StageProgress


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(stage_progress.time, "monotonic", lambda: now[0])
    return now


def test_it_is_silent_unless_asked_where_nobody_looks(clock):
    output = io.StringIO()
    with StageProgress(Console(file=output)) as progress:
        progress("reading", 0.5)
        progress("reading", 1.0)
    assert output.getvalue() == ""


def test_lines_come_now_and_then_with_the_time_left(clock):
    output = io.StringIO()
    with StageProgress(Console(file=output), wanted=True) as progress:
        for fraction in (0.0, 0.1, 0.2, 0.25, 0.5):
            progress("reading", fraction)
            clock[0] += 4.0
        progress("reading", 1.0)
        progress("diffusivity", 0.0)
        clock[0] += 1.0
        progress("diffusivity", 1.0)
    assert output.getvalue().splitlines() == [
        "  20%  reading, 0:08, 0:32 left",
        "  50%  reading, 0:16, 0:16 left",
        " 100%  reading, 0:20",
        " 100%  diffusivity, 0:01",
    ]


def test_a_terminal_shows_a_bar_and_is_left_clean():
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100)
    with StageProgress(console) as progress:
        progress("reading", 0.25)
        progress("sites and modes", 0.5)
    shown = output.getvalue()
    assert "sites and modes" in shown
    assert "50%" in shown
    assert shown.endswith("\x1b[2K")


def test_a_terminal_may_be_told_to_show_nothing():
    output = io.StringIO()
    with StageProgress(Console(file=output, force_terminal=True), wanted=False) as progress:
        progress("reading", 0.25)
    assert output.getvalue() == ""
