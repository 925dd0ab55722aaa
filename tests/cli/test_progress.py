"""What the display says of a tree of processes."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from rich.console import Console

from aiida_concerted.cli.demonstration import describe_failure
from aiida_concerted.cli.progress import StudyDisplay, format_seconds, render_tree, running_now, stages_of, title_of
from aiida_concerted.environment.folder import DemoFolder
from aiida_concerted.environment.processes import ProcessSummary

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
CHAIN, JOB, FUNCTION = (
    "process.workflow.workchain.WorkChainNode.",
    "process.calculation.calcjob.CalcJobNode.",
    "process.calculation.calcfunction.CalcFunctionNode.",
)
_PKS = iter(range(1, 10_000))


def process(link, label, *children, node_type=CHAIN, state="finished", status=0, message=None, paused=False):
    pk = next(_PKS)
    return ProcessSummary(
        pk, f"uuid-{pk}", label, state, status if state == "finished" else None, message, None, paused, node_type,
        BEGIN, BEGIN + timedelta(seconds=75), link, list(children),
    )  # fmt: skip


def job(link, label="VaspCalculation", **options):
    return process(link, label, node_type=JOB, **options)


@pytest.fixture
def study():
    training = process("committee", "Committee", job("model_0", "Train"), job("model_1", "Train", state="waiting"),
                       state="waiting")  # fmt: skip
    turn = process("iteration_01", "Iteration", training, state="waiting")
    return process(
        "", "Study", process("order", "order_site_model", node_type=FUNCTION),
        process("relax", "Relax", job("iteration_01")), process("learn", "Learn", turn, state="waiting"),
        state="waiting",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("link", "title"),
    [
        ("relax", "relaxation"),
        ("aimd_600K", "AIMD, 600 K"),
        ("aimd_T1200", "AIMD, 1200 K"),
        ("held_out_T900", "AIMD to test on, 900 K"),
        ("aimd_T600_001", "AIMD, 600 K, copy 2"),
        ("run_T612p5", "run, 612.5 K"),
        ("iteration_02", "iteration 2"),
        ("model_3", "model 3"),
        ("my_own_step", "my own step"),
        ("", "Relax"),
        ("CALL", "Relax"),
    ],
)
def test_titles_are_words(link, title):
    assert title_of(process(link, "Relax")) == title


def test_stages_are_work_chains_and_open_only_while_they_run(study):
    assert [(depth, title) for depth, title, _ in stages_of(study)] == [
        (0, "relaxation"), (0, "learning"), (1, "iteration 1"), (2, "training"),
    ]  # fmt: skip


def test_a_segment_names_its_run():
    segment = process("segment_003", "Segment", state="waiting")
    run = process("run_T600_s2_x2", "Run", segment, state="waiting")
    sweep = process("sweep", "Sweep", run, state="waiting")
    titles = [title for _, title, _ in stages_of(process("", "Study", sweep, state="waiting"))]
    assert titles[1:] == ["run, 600 K, seed 2, stretch 2", "run, 600 K, seed 2, stretch 2, segment 3"]
    out = io.StringIO()
    with StudyDisplay(Console(file=out, width=120), footer="") as display:
        display.update(process("", "Study", sweep, state="waiting"))
    assert "stretch 2, segment 3: running" in out.getvalue()


def test_jobs_are_counted_and_what_runs_is_named(study):
    assert study.jobs() == (2, 3)
    assert running_now(study) == "Train"


def test_the_table_shows_state_counts_and_time(study):
    stream = io.StringIO()
    Console(file=stream, width=80).print(render_tree(study, width=80))
    lines = stream.getvalue().splitlines()
    assert lines[0].split() == ["✔", "relaxation", "1/1", "1:15"]
    assert lines[3].split()[:3] == ["▶", "training", "1/2"]


def test_what_was_taken_over_says_so(study):
    study.children[1].is_reused = True
    stream = io.StringIO()
    Console(file=stream, width=80).print(render_tree(study, width=80))
    assert stream.getvalue().splitlines()[0].split() == ["✔", "relaxation", "(taken", "over)", "1/1", "1:15"]


def test_a_paused_job_shows_in_every_stage_above(study):
    study.children[-1].children[0].children[0].children[1].is_paused = True
    stream = io.StringIO()
    Console(file=stream, width=80).print(render_tree(study, width=80))
    assert stream.getvalue().count("‖") == 4


def test_without_a_terminal_every_change_is_said_once(study):
    stream = io.StringIO()
    with StudyDisplay(Console(file=stream, width=80), footer="") as display:
        display.update(study)
        first = stream.getvalue()
        display.update(study)
    assert stream.getvalue() == first
    assert "relaxation: done 1:15 (1/1)" in first
    assert "training: running" in first
    assert "\x1b" not in first


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3661, "1:01:01")])
def test_durations(seconds, text):
    assert format_seconds(seconds) == text


def test_a_failure_is_traced_to_its_step_in_one_line():
    broken = job("model_1", "DeepmdTrainCalculation", status=310, message="The loss is not a number.")
    retried = process("committee", "Committee", job("model_0", "Train"), broken, status=420, message="Runs failed.")
    study = process("", "Study", process("relax", "Relax"), retried, status=442, message="Learning failed.")
    line = describe_failure(study, DemoFolder(Path("/tmp/a demo")), "aiida-concerted demo")  # noqa: S108
    assert len(line.splitlines()) == 1
    assert (
        f"failed at 'model 1' (DeepmdTrainCalculation <{broken.pk}>): exit status 310, The loss is not a number."
        in line
    )
    assert f"process report {broken.pk}" in line
    assert line.endswith("Begin anew: aiida-concerted demo --restart")


def test_a_killed_child_is_not_the_cause_of_a_failure():
    study = process("", "Study", process("double", "double", node_type=FUNCTION, state="killed"), status=401)
    assert study.root_of_failure() is study
