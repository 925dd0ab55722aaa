from types import SimpleNamespace

import pytest
from aiida import orm
from aiida.common import AttributeDict
from aiida.engine.processes.calcjobs.monitors import CalcJobMonitorAction
from aiida.transports.plugins.local import LocalTransport

from aiida_concerted.calculations.lammps_monitors import stop_disagreeing
from aiida_concerted.calculations.lammps_restart import restart_node
from aiida_concerted.formats.model_deviation import NAMES
from tests.formats.test_lammps_restart import HEADER, RECORDS, record

HEAD = "#       " + " ".join(NAMES) + "\n"
MD = {"carrier": "Li", "temperature_K": 600, "production_ps": 1.0, "frame_interval_ps": 0.02, "equilibration_ps": 0.1}
"""Frames of this run begin at step 50."""


def rows(*deviations, first=50):
    return "".join(f"{first + 10 * n} 0 0 0 {value} 0 0\n" for n, value in enumerate(deviations))


@pytest.fixture
def watch(tmp_path):
    """Return a function that lets the monitor look at the deviations of a run."""

    def look(text, restart=None, **changes):
        if text is not None:
            (tmp_path / "model_devi.out").write_text(text)
        limits = {"max_deviation_eV_A": 0.3, "max_deviation_ps": 0.03}
        inputs = AttributeDict({"parameters": orm.Dict({**MD, **limits, **changes})})
        if restart is not None:
            inputs["restart"] = restart
        with LocalTransport() as transport:
            return stop_disagreeing(SimpleNamespace(get_remote_workdir=lambda: str(tmp_path), inputs=inputs), transport)

    return look


@pytest.mark.parametrize("head", [HEAD, ""])
def test_a_run_whose_committee_disagrees_for_too_long_is_ended_and_its_parser_keeps_the_word(watch, head):
    found = watch(head + rows(0.1, 0.4, 0.5, "nan"))
    assert found.action is CalcJobMonitorAction.KILL
    assert "more than 0.3 eV/Å since step 60" in found.message
    assert not found.override_exit_code


@pytest.mark.parametrize(
    "text",
    [
        None, "", HEAD, HEAD + rows(0.1, 0.4, 0.5, 0.1), HEAD + rows(0.1, 0.4) + "70 0 0",
        HEAD + rows(0.9, 0.9, 0.9, 0.9, first=0),
    ],
)  # fmt: skip
def test_a_run_that_goes_well_is_heated_or_says_nothing_yet_is_let_run(watch, text):
    assert watch(text) is None


def test_what_the_segment_before_saw_counts(watch):
    text = rows(0.4, 0.4, 0.1, first=100)
    content = HEADER + b"".join([*RECORDS[:4], record(5, 100)]) + b"\0\0\0\0" + HEADER[:16]
    assert watch(text, restart_node(content, -4.5)) is None
    assert "since step 90" in watch(text, restart_node(content, -4.5, 90)).message
    assert watch(rows(0.1, 0.4, 0.4, first=100), restart_node(content, -4.5, 90)) is None


def test_a_run_that_is_not_watched_is_let_run(watch):
    assert watch(HEAD + rows(9, 9, 9, 9, 9), max_deviation_eV_A=None) is None


def test_the_one_of_several_replicas_whose_committee_disagrees_is_named(tmp_path):
    limits = {"max_deviation_eV_A": 0.3, "max_deviation_ps": 0.03}
    runs = {"cold": rows(0.1, 0.1, 0.1, 0.1), "warm": rows(0.1, 0.4, 0.5, 0.6)}
    for name, text in runs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "model_devi.out").write_text(HEAD + text)

    def look(names):
        replicas = {name: {"parameters": orm.Dict({**MD, **limits})} for name in names}
        inputs = SimpleNamespace(replicas=replicas)
        with LocalTransport() as transport:
            return stop_disagreeing(SimpleNamespace(get_remote_workdir=lambda: str(tmp_path), inputs=inputs), transport)

    assert look(["cold"]) is None
    assert look(["cold", "warm"]).message.startswith("the committee of warm disagrees by more than 0.3 eV/Å since")
