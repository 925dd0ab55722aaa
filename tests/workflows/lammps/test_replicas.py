"""Runs that share their jobs: each goes on from its own checkpoint, and one that fails is named alone."""

from __future__ import annotations

import re

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.calculations.lammps_replicas import LammpsReplicasCalculation
from aiida_concerted.queries.replicas import Replica, replica_names
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.lammps.replicas import LammpsReplicasWorkChain
from tests.calculations.test_lammps_replicas import assert_same
from tests.workflows.ended import ended
from tests.workflows.lammps.test_md import MD, restart

COLD = {"carrier": "Li", "timestep_fs": 2.0, "seed": 3, **MD, "production_ps": 0.48}
WARM = {**COLD, "temperature_K": 900.0, "seed": 4}
BAD = {**COLD, "timestep_fs": 20.0, "production_ps": 100.0, "restart_interval_ps": 10.0}
"""Atoms fly apart within some steps."""

STATUS = {label: code.status for label, code in LammpsMdCalculation.exit_codes.items()}


def builder_of(code, models, structure, **replicas):
    builder = LammpsReplicasWorkChain.get_builder()
    builder.md.code = code
    builder.md.models = models
    builder.md.metadata.options.resources = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
    builder.replicas = {
        name: {"structure": structure, "parameters": orm.Dict(given)} for name, given in replicas.items()
    }
    return builder


@pytest.mark.lammps
@pytest.mark.slow
def test_a_killed_job_goes_on_with_each_replica_and_without_the_one_that_explodes(
    lmp_code,
    killed_replicas_code,
    committee,
    sound_structure,
):
    builder = builder_of(killed_replicas_code, committee, sound_structure, cold=COLD, warm=WARM, bad=BAD)
    outputs, node = run_get_node(builder)
    assert node.exit_status == LammpsReplicasWorkChain.exit_codes.WARNING_REPLICAS_FAILED.status
    assert re.match("Of 3 replicas these did not come to their end: bad: ", node.exit_message)
    assert [Replica(node, name).exit_status for name in replica_names(node)] == [510, 0, 0]
    first, second = sorted((job for job in node.called if isinstance(job, orm.CalcJobNode)), key=lambda job: job.pk)
    assert (replica_names(first), replica_names(second)) == (["bad", "cold", "warm"], ["cold", "warm"])
    left = first.outputs.replicas.cold
    assert left.results["exit_status"] == STATUS["ERROR_CUT_SHORT"]
    assert second.inputs.replicas.cold.restart.uuid == left.restart.uuid
    for name, given in (("cold", COLD), ("warm", WARM)):
        alone = LammpsMdWorkChain.get_builder_from_protocol(
            lmp_code, sound_structure, committee, protocol="fast", overrides={"md": given}
        )
        expected, _ = run_get_node(alone)
        assert_same(outputs["replicas"][name], expected)
        assert outputs["replicas"][name]["results"]["n_segments"] == 2
    again = builder_of(lmp_code, committee, sound_structure, cold=COLD, other=WARM)
    again.continues = node.uuid
    _, second = run_get_node(again)
    assert second.is_finished_ok
    assert [replica_names(job) for job in second.called if isinstance(job, orm.CalcJobNode)] == [["other"]]


@pytest.fixture
def pack(process_of, lmp_code, potentials, sound_structure, request):
    """Return a pack of two replicas that has begun, with a limit of jobs where one is asked for."""
    builder = builder_of(lmp_code, potentials, sound_structure, a=COLD, b=WARM)
    builder.max_segments = getattr(request, "param", 1000)
    process = process_of(builder)
    process.setup()
    return process


@pytest.fixture
def answer(pack, fast_localhost):
    """Return a function that lets the pack look at a job which left each replica as told."""

    def inspect(**replicas):
        pack.ctx.n_jobs += 1
        pack.ctx.running = pack.pending()
        outputs = {
            name: {"results": orm.Dict({"exit_status": status, "exit_reason": "as it was left", **results}), **others}
            for name, (status, results, others) in replicas.items()
        }
        pack.ctx.job = ended(
            LammpsReplicasCalculation, {"replicas": outputs}, exit_status=414, computer=fast_localhost,
            options={"max_wallclock_seconds": 1000},
        )  # fmt: skip
        pack.inspect_job()
        return dict(pack.ctx.verdicts)

    return inspect


FRAMES = {"first_step": 20, "n_frames": 5}


def test_a_job_asks_for_what_all_its_replicas_need_and_the_next_for_what_the_rest_need(pack, answer):
    pack.ctx.running = pack.pending()
    assert pack.job().metadata.options.resources == {"num_machines": 1, "num_mpiprocs_per_machine": 2}
    kept = restart()
    cut = (STATUS["ERROR_CUT_SHORT"], FRAMES, {"restart": kept})
    verdicts = answer(a=cut, b=(STATUS["ERROR_ATOMS_LOST"], FRAMES, {}))
    assert set(verdicts) == {"b"}
    assert verdicts["b"][0] == 510
    pack.ctx.running = pack.pending()
    following = pack.job()
    assert set(following.replicas) == {"a"}
    assert following.replicas["a"]["restart"].uuid == kept.uuid
    assert following.metadata.options.resources["num_mpiprocs_per_machine"] == 1


def test_what_comes_to_no_restart_file_is_tried_a_few_times(pack, answer):
    idle = (STATUS["ERROR_CUT_SHORT"], {}, {})
    done = (0, FRAMES, {"restart": restart()})
    assert set(answer(a=idle, b=done)) == {"b"}
    assert set(answer(a=idle)) == {"b"}
    status, reason = answer(a=idle)["a"]
    assert status == 401
    assert "3 jobs in a row brought it no further" in reason
    assert not pack.should_run_job()


def test_what_others_ended_is_no_try_of_a_replica(pack, answer):
    idle, lost = (STATUS["ERROR_CUT_SHORT"], {}, {}), (STATUS["ERROR_ATOMS_LOST"], FRAMES, {})
    assert set(answer(a=idle, b=lost)) == {"b"}
    for _ in range(2):
        assert set(answer(a=idle)) == {"b"}
    assert answer(a=idle)["a"][0] == 401


def test_a_wall_time_that_reaches_no_restart_file_says_what_would_do(answer):
    short = (STATUS["ERROR_STOPPED_BY_TIMER"], {"steps_done": 20, "start_step": 0}, {})
    status, reason = answer(a=short, b=short)["a"]
    assert status == 410
    assert "max_wallclock_seconds to 3600 or more" in reason


@pytest.mark.parametrize("pack", [1], indirect=True)
def test_a_run_that_takes_too_many_jobs_says_how_far_it_came(pack, answer):
    cut = {name: (STATUS["ERROR_STOPPED_BY_TIMER"], FRAMES, {"restart": restart()}) for name in "ab"}
    status, reason = answer(**cut)["b"]
    assert status == 433
    assert "to step 60 of 260" in reason


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": {**COLD, "carrier": "Na"}}, "holds no Na: set carrier to its mobile element"),
        ({"a__b": COLD}, "replicas.a__b: a name is a letter"),
        ({}, "replicas needs at least one run"),
    ],
)
def test_replicas_that_cannot_run_are_refused_by_name(
    process_of, lmp_code, potentials, sound_structure, change, message
):
    with pytest.raises(ValueError, match=re.escape(message)):
        process_of(builder_of(lmp_code, potentials, sound_structure, **change))


def test_a_finished_replica_without_a_restart_file_keeps_its_frames(pack, answer):
    verdicts = answer(a=(0, FRAMES, {}), b=(0, FRAMES, {"restart": restart()}))
    assert verdicts == {"a": (0, "finished"), "b": (0, "finished")}
    assert pack.ctx.parts["a"] == [pack.ctx.job.uuid]
