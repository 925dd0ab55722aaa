"""The turns of a learning loop, in the report and in the terminal."""

import pytest
from aiida import orm

from aiida_concerted.cli import status as command
from aiida_concerted.queries.calls import calls_of, walk
from aiida_concerted.queries.costs import elapsed_s
from aiida_concerted.queries.turns import find_loop, stop_reason, turns_of
from aiida_concerted.report.turn_tables import exploration_table, turn_table
from tests.cli.support import run_here
from tests.report.synthetic_study import process

pytestmark = pytest.mark.usefixtures("aiida_profile")

STOPPED = "Ended after 2 turns by the rule budget: the budget of 2 turns is spent"


def cells(table, row):
    return dict(zip(table.columns, table.rows[row], strict=True))


def test_a_turn_counts_frames_labels_and_rejections_with_errors_diffusivity_and_cost(finished):
    loop = find_loop(finished)
    first, second = turns_of(loop)
    table = turn_table([first, second], stop_reason(loop))
    row = cells(table, 0)
    counts = [int(row[name]) for name in ("Accurate", "Candidate", "Failed")]
    assert sum(counts) == 3 * 120
    assert (row["Labelled"], row["Rejected"]) == ("2", "5")  # four by a screen, one without a label
    assert row["D at 800 K (m² s⁻¹)"] == "(1.00 ± 0.10) ×10⁻⁹"
    metrics = [node for label, node in outputs_of_committee(loop, 1).items() if label.startswith("metrics")]
    mean = sum(node["held_out"]["rmse_force_eV_A"] for node in metrics) / len(metrics)
    assert float(row["Force RMSE (meV Å⁻¹)"]) == pytest.approx(1000 * mean, rel=5e-3)
    assert row["Least accurate"].endswith("at 1200 K")
    assert cells(table, 1)["Labelled"] == "0"
    iteration = dict(calls_of(loop))["iteration_01"]
    jobs = [node for node in walk(iteration) if isinstance(node, orm.CalcJobNode)]
    assert len(jobs) == 3
    assert first.core_s == pytest.approx(sum(2 * elapsed_s(job) for job in jobs))  # two processes each
    assert table.notes[0] == f"{STOPPED}."
    assert table.notes[1] == "Trust levels: 0.0500 and 0.150 eV Å⁻¹."


def outputs_of_committee(loop, turn):
    iteration = dict(calls_of(loop))[f"iteration_{turn:02d}"]
    committee = dict(calls_of(iteration))["committee"]
    return {link.link_label: link.node for link in committee.base.links.get_outgoing().all()}


def test_each_exploration_has_its_own_row(finished):
    table = exploration_table(turns_of(find_loop(finished)))
    assert [row[:2] for row in table.rows] == [(turn, T) for turn in "12" for T in ("400", "800", "1200")]
    assert [row[-2:] for row in table.rows[:3]] == [("0", "0"), ("1", "1"), ("1", "4")]


def test_the_report_shows_the_turns_and_why_the_loop_ended(report_file):
    text = report_file.read_text(encoding="utf-8")
    assert "Turns of the learning loop" in text
    assert STOPPED in text
    assert "D at 800 K" in text


def test_the_status_shows_the_turns_and_why_the_loop_ended(finished, monkeypatch, capsys):
    monkeypatch.setattr(command, "open_profile", lambda folder, profile: None)
    monkeypatch.setenv("COLUMNS", "300")
    shown = run_here(capsys, "status", find_loop(finished).pk)
    assert shown.status == 0, shown.err
    assert STOPPED in shown.out
    assert "D at 800 K" in shown.out


def test_a_turn_under_way_shows_what_it_has():
    loop = process("LearnWorkChain", exit_status=None)
    process("IterationWorkChain", loop, "iteration_01", exit_status=None)
    (turn,) = turns_of(loop)
    assert (turn.stage, turn.runs, turn.labelled) == ("training", (), None)
    assert turn_table([turn]).rows[0][:4] == ("1", "training", "–", "–")
    assert stop_reason(loop) is None
    assert find_loop(process("SweepWorkChain")) is None
