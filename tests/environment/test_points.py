"""How far the runs of a sweep are, read from the graph and from the log of a job that runs on this machine."""

import io
import os

import pytest
from aiida import orm
from aiida.common import LinkType
from aiida.schedulers import JobState
from plumpy.process_states import ProcessState
from rich.console import Console

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.calculations.lammps_replicas import LammpsReplicasCalculation
from aiida_concerted.calculations.lammps_restart import restart_node
from aiida_concerted.cli.point_table import point_table
from aiida_concerted.cli.progress import title_of_run
from aiida_concerted.environment.points import RunStatus, read_points
from aiida_concerted.environment.processes import read_process_tree
from aiida_concerted.queries.replicas import VERDICTS
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.lammps.replicas import LammpsReplicasWorkChain
from aiida_concerted.workflows.sweep import SweepWorkChain
from tests.formats.test_lammps_restart import HEADER, RECORDS, record

MD = {"carrier": "Li", "temperature_K": 600, "production_ps": 2.0, "frame_interval_ps": 0.1, "equilibration_ps": 1.0}
"""Frames begin at step 500, the last is at 1500."""

LOG = "Step Temp PotEng TotEng Econserve Press\n" + "".join(
    f"{step:10d}  300.1  -4.5  -4.1  -4.1  {step}.5e-1\n" for step in range(0, 1050, 50)
)


def process(kind, state=ProcessState.RUNNING, caller=None, label="", inputs=None, status=None):
    """Return a stored process that was called with this label."""
    is_job = issubclass(kind, LammpsMdCalculation)
    node = orm.CalcJobNode() if is_job else orm.WorkChainNode()
    node.set_process_label(kind.__name__)
    node.set_process_type(kind.build_process_type())
    node.set_process_state(state)
    if status is not None:
        node.set_exit_status(status)
    if caller is not None:
        node.base.links.add_incoming(caller, LinkType.CALL_CALC if is_job else LinkType.CALL_WORK, label)
    for name, value in (inputs or {}).items():
        node.base.links.add_incoming(value.store(), LinkType.INPUT_CALC if is_job else LinkType.INPUT_WORK, name)
    return node


def judged(sweep, label, outputs):
    """Store a calcfunction of the sweep with one output."""
    node = orm.CalcFunctionNode()
    node.set_process_label(label.partition("_")[0])
    node.set_process_state(ProcessState.FINISHED)
    node.set_exit_status(0)
    node.base.links.add_incoming(sweep, LinkType.CALL_CALC, label)
    node.store()
    outputs.base.links.add_incoming(node, LinkType.CREATE, "result")
    outputs.store()


@pytest.fixture
def sweep(aiida_profile, fast_localhost, tmp_path):
    """Return a sweep with a run that was made longer and is under way, one that failed, and one that waits."""
    node = process(SweepWorkChain).store()
    first = process(LammpsMdWorkChain, ProcessState.FINISHED, node, "run_T600", {"md__parameters": orm.Dict(MD)}, 0)
    first.store()
    longer = orm.Dict({**MD, "production_ps": 8.0})
    second = process(LammpsMdWorkChain, caller=node, label="run_T600_x2", inputs={"md__parameters": longer}).store()
    job = process(LammpsMdCalculation, caller=second, label="segment")
    job.computer = fast_localhost
    job.set_option("input_filename", "input.in")
    job.store()
    job.set_remote_workdir(str(tmp_path))
    for name, text, moment in (("input.in", "", 1000.0), ("log.lammps", LOG, 1020.0)):
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (moment, moment))
    judged(node, "judge_run_T600", orm.Dict({"diffusivity_m2_s": [2.0e-9, 3.0e-10]}))
    lost = process(LammpsMdWorkChain, ProcessState.FINISHED, node, "run_T1000", {"md__parameters": orm.Dict(MD)}, 510)
    lost.store()
    process(LammpsMdWorkChain, caller=node, label="run_T800_s2", inputs={"md__parameters": orm.Dict(MD)}).store()
    running, finished = ProcessState.RUNNING, ProcessState.FINISHED
    for T, state, status in ((700, running, None), (750, running, None), (900, finished, 510), (500, finished, 301)):
        process(LammpsMdWorkChain, finished, node, f"run_T{T}", {"md__parameters": orm.Dict(MD)}, 0).store()
        content = HEADER + b"".join([*RECORDS[:4], record(5, 1500)]) + b"\0\0\0\0" + HEADER[:16]
        inputs = {"md__parameters": orm.Dict({**MD, "production_ps": 8.0}), "md__restart": restart_node(content, -4.5)}
        stretch = process(LammpsMdWorkChain, state, node, f"run_T{T}_x2", inputs, status).store()
        if T == 750:
            far = process(LammpsMdCalculation, ProcessState.WAITING, stretch, "segment")
            far.set_scheduler_state(JobState.RUNNING)
            far.store()
    return node


def test_each_run_says_how_far_it_is(sweep):
    runs = {run.name: run for run in read_points(read_process_tree(sweep.uuid))}
    running = runs["run_T600"]
    assert running.state == "running"
    assert running.planned_ps == 8.0
    assert running.done_ps == pytest.approx(1.0)  # step 1000, the first 500 of which are no production
    assert running.speed_ns_day == pytest.approx(50 * 2e-6 * 86400)
    assert running.left_s == pytest.approx((4500 - 1000) / 50)
    assert running.diffusivity == (2.0e-9, 3.0e-10)
    assert runs["run_T1000"].state == "failed"
    assert runs["run_T800_s2"] == RunStatus("run_T800_s2", "waiting", 0.0, 2.0)


def test_a_stretch_that_tells_nothing_yet_has_what_it_goes_on_from(sweep):
    runs = {run.name: run for run in read_points(read_process_tree(sweep.uuid))}
    assert runs["run_T700"] == RunStatus("run_T700", "waiting", 2.0, 8.0)
    assert runs["run_T750"] == RunStatus("run_T750", "running", 2.0, 8.0)  # its scheduler says so


def test_a_stretch_that_failed_is_no_run_that_failed(sweep):
    runs = {run.name: run for run in read_points(read_process_tree(sweep.uuid))}
    assert runs["run_T900"] == RunStatus("run_T900", "held", 2.0, 2.0)
    assert runs["run_T500"] == RunStatus("run_T500", "again", 2.0, 2.0)
    sweep.set_process_state(ProcessState.FINISHED)
    runs = {run.name: run for run in read_points(read_process_tree(sweep.uuid))}
    assert runs["run_T500"].state == "held"  # nobody runs it again


@pytest.fixture
def packed(aiida_profile, fast_localhost, tmp_path):
    """Return a sweep whose runs share a job: the second is under way, in which one of three is no longer."""
    node = process(SweepWorkChain).store()
    names = ("run_T600", "run_T800", "run_T900")
    inputs = {f"replicas__{name}__parameters": orm.Dict(MD) for name in names}
    pack = process(LammpsReplicasWorkChain, caller=node, label="pack_001", inputs=inputs).store()
    pack.base.extras.set(VERDICTS, {"run_T900": [510, "atoms were lost"]})
    first = process(LammpsReplicasCalculation, ProcessState.FINISHED, pack, "job_001", status=414).store()
    for name in names:
        results = orm.Dict({"steps_done": 600, "steps_per_s": 20.0})
        results.base.links.add_incoming(first, LinkType.CREATE, f"replicas__{name}__results")
        results.store()
    job = process(LammpsReplicasCalculation, caller=pack, label="job_002")
    job.computer = fast_localhost
    job.set_option("input_filename", "input.in")
    job.store()
    job.set_remote_workdir(str(tmp_path))
    folder = tmp_path / "run_T600"
    folder.mkdir()
    for name, text, moment in (("input.in", "", 1000.0), ("log.lammps", LOG, 1020.0)):
        (folder / name).write_text(text)
        os.utime(folder / name, (moment, moment))
    return node


def test_each_run_of_a_job_says_how_far_it_is(packed):
    runs = {run.name: run for run in read_points(read_process_tree(packed.uuid))}
    assert {name: run.state for name, run in runs.items()} == {
        "run_T600": "running", "run_T800": "running", "run_T900": "failed",
    }  # fmt: skip
    assert runs["run_T600"].done_ps == pytest.approx(1.0)
    assert runs["run_T600"].left_s == pytest.approx((1500 - 1000) / 50)
    assert runs["run_T800"].done_ps == pytest.approx(0.2)  # step 600 of the job before: this one tells nothing yet
    assert runs["run_T800"].left_s == pytest.approx((1500 - 600) / 20)


def test_the_table_fits_a_terminal_of_80_columns(sweep):
    out = io.StringIO()
    Console(file=out, width=80).print(point_table(read_points(read_process_tree(sweep.uuid))))
    text = out.getvalue()
    assert "…" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("run, 600 K")]
    assert row.split() == "run, 600 K running 1 of 8 ps 8.64 (2.0 ± 0.3) ×10⁻⁹ 15 % 1:10".split()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("run_T600", "run, 600 K"),
        ("run_T300p5_s2", "run, 300.5 K, seed 2"),
        ("run_T600_s2_x3", "run, 600 K, seed 2, stretch 3"),
        ("size_2x2x1_T1000", "cell 2×2×1, 1000 K"),
        ("size_2x2x1_T1000_x2", "cell 2×2×1, 1000 K, stretch 2"),
        ("iteration_02", "iteration 2"),
    ],
)
def test_runs_are_named_in_words(name, words):
    assert title_of_run(name) == words
