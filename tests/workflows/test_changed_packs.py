"""What was computed of a run counts for whoever goes on, however many runs shared its jobs then and now."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from plumpy.process_states import ProcessState

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.calculations.lammps_replicas import LammpsReplicasCalculation
from aiida_concerted.queries.calls import calls_of, earlier_processes
from aiida_concerted.queries.replicas import VERDICTS, Replica, replica_names
from aiida_concerted.workflows.continuing import flat_inputs
from aiida_concerted.workflows.extended_runs import earlier_lengths
from aiida_concerted.workflows.lammps.adopting import adopted_jobs
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.lammps.replicas import LammpsReplicasWorkChain
from aiida_concerted.workflows.packed_runs import replica_inputs
from aiida_concerted.workflows.sweep import SweepWorkChain
from tests.calculations.test_lammps_replicas import assert_same
from tests.workflows.lammps.test_md import MD, restart
from tests.workflows.test_packed_runs import builder_of

CUT = LammpsMdCalculation.exit_codes.ERROR_CUT_SHORT.status
SHARED = ("run_T500", "run_T700")


def made(kind, caller, label, inputs, outputs, *, exit_status=0):
    """Return a process that ended, as another one called it."""
    is_job = issubclass(kind, LammpsMdCalculation)
    node = orm.CalcJobNode(computer=inputs["code"].computer) if is_job else orm.WorkChainNode()
    node.set_process_type(kind.build_process_type())
    node.set_process_state(ProcessState.FINISHED)
    node.set_exit_status(exit_status)
    for name, value in inputs.items():
        node.base.links.add_incoming(value.store(), LinkType.INPUT_CALC if is_job else LinkType.INPUT_WORK, name)
    if caller is not None:
        node.base.links.add_incoming(caller, LinkType.CALL_CALC if is_job else LinkType.CALL_WORK, label)
    node.store()
    for name, value in outputs.items():
        value.base.links.add_incoming(node, LinkType.CREATE, name) if is_job else None
        value.store()
        None if is_job else value.base.links.add_incoming(node, LinkType.RETURN, name)
    return node


def left(step, **results):
    """Return what a run that can go on from a step left of itself."""
    found = {"n_frames": 6, "first_step": 50, **results}
    return {"results": orm.Dict(found), "restart": restart(step), "trajectory": orm.Dict({"n_frames": 6})}


@pytest.fixture
def before(process_of, lmp_code, potentials, sound_structure):
    """Return a sweep whose two runs shared a job, after which one went on alone, until all was killed."""
    first = process_of(builder_of(lmp_code, potentials, sound_structure, n_seeds=1))
    assert first.setup() is None
    runs = {name: first.prepare(name) for name in SHARED}
    shared = {"code": lmp_code, **flat_inputs(dict(potentials), "models__")}
    given = {f"replicas__{name}__{key}": node for name, run in runs.items()
             for key, node in (("structure", run.md.structure), ("parameters", run.md.parameters))}  # fmt: skip
    sweep = made(SweepWorkChain, None, "", {}, {}, exit_status=436)
    pack = made(
        LammpsReplicasWorkChain, sweep, "pack_001", {**{f"md__{key}": node for key, node in shared.items()}, **given},
        {}, exit_status=400,
    )  # fmt: skip
    outputs = {name: left(100, exit_status=CUT, exit_reason="killed") for name in runs}
    together = made(
        LammpsReplicasCalculation, pack, "job_001", {**shared, **given},
        flat_inputs({"replicas": outputs}), exit_status=414,
    )  # fmt: skip
    own = {"structure": runs["run_T700"].md.structure, "parameters": runs["run_T700"].md.parameters}
    later = made(SweepWorkChain, None, "", {"continues": orm.Str(sweep.uuid)}, {}, exit_status=436)
    chain = made(LammpsMdWorkChain, later, "run_T700", {}, {}, exit_status=400)
    segment = {**shared, **own, "restart": outputs["run_T700"]["restart"]}
    alone = made(LammpsMdCalculation, chain, "segment_001", segment, left(160), exit_status=CUT)
    return later, {"run_T500": [together], "run_T700": [together, alone]}, runs


def test_jobs_go_on_from_each_other_alone_and_together(before):
    later, jobs, runs = before
    parents = [later, *earlier_processes(later)]
    for name, run in runs.items():
        inputs = run._inputs(prune=True)
        found = adopted_jobs(parents, name, inputs["md"], replica_inputs(inputs))
        assert [job.pk for job in found] == [job.pk for job in jobs[name]]
        other = {**replica_inputs(inputs), "parameters": orm.Dict({**inputs["md"]["parameters"].get_dict(), "seed": 1})}
        assert adopted_jobs(parents, name, inputs["md"], other) == []


@pytest.mark.parametrize("runs_per_job", [1, 2])
def test_a_sweep_with_packs_of_another_size_begins_no_run_anew(
    before, process_of, lmp_code, potentials, sound_structure, monkeypatch, runs_per_job
):
    later, jobs, _ = before
    builder = builder_of(
        lmp_code, potentials, sound_structure, n_seeds=1, runs_per_job=runs_per_job, temperatures_K=[500, 700, 900]
    )
    builder.continues, builder.max_concurrent = later.uuid, 3
    process, submitted = process_of(builder), []
    assert process.setup() is None

    def submit(child):
        submitted.append(child)
        inputs = {} if child.process_class is LammpsMdWorkChain else flat_inputs({"replicas": dict(child.replicas)})
        return made(child.process_class, process.node, child.metadata.call_link_label, inputs, {})

    monkeypatch.setattr(process, "submit", submit)
    monkeypatch.setattr(process, "to_context", lambda **children: process.ctx.update(children))
    process.run_wave()
    packs = [child for child in submitted if child.process_class is LammpsReplicasWorkChain]
    known = [sorted(set(pack.replicas) & set(SHARED)) for pack in packs]
    assert sorted(names for names in known if names) == [["run_T500"], ["run_T700"]]
    assert ("run_T900" in {child.metadata.call_link_label for child in submitted}) == (runs_per_job == 1)
    for child in packs:
        child.pop("continues", None)  # what its caller goes on from is enough
        child.metadata.call_link_label = f"again_{child.metadata.call_link_label}"
        with process._process_scope():
            pack = process_of(child)
        assert pack.node.caller == process.node
        pack.setup()
        for name in set(child.replicas) & set(SHARED):
            assert pack.ctx.parts[name] == [job.uuid for job in jobs[name]]
            pack.ctx.running = pack.pending()
            step = {"run_T500": 100, "run_T700": 160}[name]
            assert pack.job().replicas[name]["restart"].base.attributes.get("step") == step


def test_a_pack_of_one_that_failed_is_tried_again_as_a_pack_and_once(
    before, process_of, lmp_code, potentials, sound_structure, monkeypatch
):
    later, _, _ = before
    builder = builder_of(lmp_code, potentials, sound_structure, n_seeds=1)
    builder.continues = later.uuid
    process, submitted = process_of(builder), []
    assert process.setup() is None

    def submit(child):
        submitted.append(child)
        verdicts = {name: [CUT, "cut short"] for name in child.replicas}
        inputs = flat_inputs({"replicas": dict(child.replicas)})
        pack = made(child.process_class, process.node, child.metadata.call_link_label, inputs, {}, exit_status=434)
        pack.base.extras.set(VERDICTS, verdicts)
        return pack

    monkeypatch.setattr(process, "submit", submit)
    monkeypatch.setattr(process, "to_context", lambda **children: process.ctx.update(children))
    process.run_wave()
    process.inspect_wave()
    assert sorted(process.ctx.pending) == sorted(SHARED)
    checkpoint = dict(process.ctx)
    for _ in range(2):  # a worker that is killed in this step does it again
        process.ctx.clear()
        process.ctx.update(checkpoint)
        process.run_wave()
    assert [child.process_class for child in submitted] == [LammpsReplicasWorkChain] * 4
    labels = [child.metadata.call_link_label for child in submitted]
    assert labels == ["pack_001", "pack_002", "pack_003", "pack_004"]


def test_a_stretch_in_a_pack_is_a_length_of_its_run(before):
    later, _, runs = before
    run = runs["run_T700"]
    longer = orm.Dict({**run.md.parameters.get_dict(), "production_ps": 7.0})
    given = {
        f"md__{key}": node for key, node in flat_inputs({"code": run.md.code, "models": dict(run.md.models)}).items()
    }
    given |= {"replicas__run_T700_x2__structure": run.md.structure, "replicas__run_T700_x2__parameters": longer,
              "replicas__run_T700_x2__restart": restart(), "replicas__other__structure": run.md.structure}  # fmt: skip
    outputs = {f"replicas__run_T700_x2__{key}": node for key, node in left(900).items()}
    sweep = made(SweepWorkChain, None, "", {"continues": orm.Str(later.uuid)}, {})
    pack = made(LammpsReplicasWorkChain, sweep, "pack_002", given, outputs)
    last = made(SweepWorkChain, None, "", {"continues": orm.Str(sweep.uuid)}, {})
    assert earlier_lengths(last, "run_T700", run) == {6: (sweep, Replica(pack, "run_T700_x2"))}
    assert earlier_lengths(last, "run_T500", runs["run_T500"]) == {}
    run.md.parameters = orm.Dict({**longer.get_dict(), "seed": 99})
    assert earlier_lengths(last, "run_T700", run) == {}


@pytest.mark.lammps
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_runs_that_were_killed_together_go_on_alone_and_the_other_way_round(
    lmp_code,
    killed_replicas_code,
    driver,
    sound_structure,
):
    md = {key: value for key, value in MD.items() if key != "temperature_K"}
    md |= {"production_ps": 0.48, "timestep_fs": 2.0, "anneal_ps": 0.0, "anneal_from_K": None}
    few = {"n_seeds": 1, "md": md}
    expected, whole = run_get_node(builder_of(lmp_code, driver, sound_structure, **few))
    for before, after in ((2, 1), (1, 2)):
        builder = builder_of(killed_replicas_code, driver, sound_structure, runs_per_job=before, **few)
        builder.run.max_segments = 1
        _, killed = run_get_node(builder)
        assert killed.exit_status == SweepWorkChain.exit_codes.ERROR_TOO_FEW_POINTS.status, killed.exit_message
        builder = builder_of(lmp_code, driver, sound_structure, runs_per_job=after, **few)
        builder.continues = killed.uuid
        outputs, node = run_get_node(builder)
        assert node.exit_status == whole.exit_status, node.exit_message
        for name, trajectory in expected["trajectories"].items():
            given = {"trajectory": trajectory, "thermo": expected["thermo"][name]}
            assert_same({"trajectory": outputs["trajectories"][name], "thermo": outputs["thermo"][name]}, given)
        jobs = [job for job in node.called_descendants if isinstance(job, orm.CalcJobNode)]
        assert len(jobs) == (2 if after == 1 else 1)
        for job in jobs:
            assert all("restart" in job.inputs.replicas[name] for name in replica_names(job))
        assert any(label.startswith("earlier_") for pack in node.called for label, _ in calls_of(pack))
