"""Runs of a sweep that share jobs: who shares with whom, what is found of each, and what is used later."""

from __future__ import annotations

import copy

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node

from aiida_concerted.queries.replicas import VERDICTS, Replica, replica_names
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.lammps.replicas import LammpsReplicasWorkChain
from aiida_concerted.workflows.packed_runs import packs
from aiida_concerted.workflows.sweep import SweepWorkChain
from tests.calculations.test_lammps_replicas import assert_same
from tests.workflows.ended import ended

MD = {"production_ps": 1.0, "frame_interval_ps": 0.02, "restart_interval_ps": 0.2, "anneal_ps": 0.1}
GIVEN = {"supercell": [1, 1, 1], "temperatures_K": [500, 700], "n_seeds": 2, "md": MD, "max_concurrent": 2}


def builder_of(code, models, structure, **changes):
    return SweepWorkChain.get_builder_from_protocol(
        code, structure, models, protocol="fast", overrides={**GIVEN, **changes}
    )


@pytest.fixture
def sweep(process_of, lmp_code, potentials, sound_structure, monkeypatch):
    """Return a function that makes a sweep whose children are noted and not run."""

    def make(**changes):
        process = process_of(builder_of(lmp_code, potentials, sound_structure, **changes))
        assert process.setup() is None
        process.submitted = []

        def submit(builder):
            process.submitted.append(builder)
            kind = builder.process_class
            node = orm.WorkChainNode()
            node.set_process_type(kind.build_process_type())
            label = builder.metadata.call_link_label
            node.base.links.add_incoming(process.node, LinkType.CALL_WORK, label)
            node.set_checkpoint("begun")
            return node.store()

        monkeypatch.setattr(process, "submit", submit)
        monkeypatch.setattr(process, "to_context", lambda **children: process.ctx.update(children))
        return process

    return make


def test_one_run_a_job_is_what_it_always_was(sweep):
    process = sweep()
    process.run_wave()
    assert [builder.process_class for builder in process.submitted] == [LammpsMdWorkChain, LammpsMdWorkChain]
    assert [builder.metadata.call_link_label for builder in process.submitted] == ["run_T700", "run_T500"]
    assert process.has_child("run_T700")
    assert not process.has_child("run_T700_s2")


def test_runs_share_jobs_under_their_own_names_with_what_they_would_have_alone(sweep):
    process = sweep(runs_per_job=3, max_concurrent=2)
    alone = {name: process.prepare(name) for name in process.ctx.runs}
    process.run_wave()
    first, second = process.submitted
    assert (set(first.replicas), set(second.replicas)) == ({"run_T700", "run_T500", "run_T700_s2"}, {"run_T500_s2"})
    for name, run in {**first.replicas, **second.replicas}.items():
        assert run["parameters"].get_dict() == alone[name].md.parameters.get_dict()
        assert run["structure"].uuid == alone[name].md.structure.uuid
    seeds = {run["parameters"]["seed"] for run in first.replicas.values()}
    assert len(seeds) == 3
    assert first.md.metadata.options.get("parser_name", None) is None  # it is that of a job of several runs
    assert first.md.code.uuid == alone["run_T700"].md.code.uuid
    assert process.child("run_T500_s2").node.uuid != process.child("run_T500").node.uuid
    before = len(process.submitted)
    process.ctx.n_packs = 0
    process.submit_wave(process.ctx.wave)  # the step is repeated after an interruption
    assert len(process.submitted) == before


@pytest.mark.parametrize(
    ("runs_per_job", "jobs"),
    [(1, [["run_T700"], ["run_T800_s2"]]), (2, [["run_T700"], ["run_T700_s2", "run_T800_s2"]])],
)
def test_what_an_earlier_sweep_made_takes_no_place_among_the_jobs_at_once(sweep, monkeypatch, runs_per_job, jobs):
    made = {"run_T800", "run_T600", "run_T500"}
    process = sweep(temperatures_K=[500, 600, 700, 800], runs_per_job=runs_per_job)
    earlier = ended(LammpsReplicasWorkChain)
    monkeypatch.setattr(process, "use", lambda *_: None)
    monkeypatch.setattr(process, "earlier_replica", lambda name, _: Replica(earlier, name) if name in made else None)
    before = copy.deepcopy(process.ctx)
    process.run_wave()
    wave, n_jobs = list(process.ctx.wave), len(process.submitted)
    for node in process.node.called:  # the step is repeated after an interruption in which they ended
        node.set_process_state("finished")
        node.set_exit_status(0)
        node.delete_checkpoint()
    process._context = before
    process.run_wave()
    assert (process.ctx.wave, len(process.submitted)) == (wave, n_jobs)
    found = [
        sorted(builder.replicas) if runs_per_job > 1 else [builder.metadata.call_link_label]
        for builder in process.submitted
    ]
    assert found == jobs
    assert set(process.ctx.wave) == made.union(*jobs)
    assert not set(process.ctx.wave) & set(process.ctx.pending)
    assert process.child("run_T600").node.uuid == earlier.uuid


def test_runs_of_one_cell_share_a_job_and_like_lengths_come_together(sweep):
    process = sweep(sizes={"supercells": [[2, 1, 1]], "temperature_K": 700})
    builders = {name: process.prepare(name) for name in process.ctx.pending}
    for name, length in (("run_T500", 9.0), ("run_T700_s2", 5.0)):
        given = builders[name].md.parameters.get_dict()
        builders[name].md.parameters = orm.Dict({**given, "production_ps": length})
    grouped = packs(builders, 2)
    assert [set(names) for names in grouped] == [
        {"run_T700", "run_T500_s2"}, {"run_T700_s2", "run_T500"}, {"size_2x1x1_T700", "size_2x1x1_T700_s2"},
    ]  # fmt: skip


def test_a_run_that_failed_for_good_is_given_up_and_another_is_tried_again_without_its_companions(sweep):
    process = sweep(runs_per_job=4)
    process.run_wave()
    pack = process.child("run_T700").node
    verdicts = {"run_T700": [510, "atoms were lost"], "run_T500": [0, ""], "run_T500_s2": [0, ""]}
    other = ended(LammpsReplicasWorkChain, exit_status=434)
    other.base.extras.set(VERDICTS, {**verdicts, "run_T700_s2": [411, "cut short"]})
    process.ctx[f"pack_{pack.pk}"] = other
    process.inspect_wave()
    assert process.ctx.failed == ["run_T700"]
    assert process.ctx.pending == ["run_T700_s2"]
    assert process.last_reason() == "atoms were lost"
    process.run_wave()
    assert set(process.submitted[-1].replicas) == {"run_T700_s2"}
    assert process.submitted[-1].metadata.call_link_label == "pack_002"


def test_a_run_that_becomes_longer_takes_its_frames_and_its_restart_file_into_the_pack(sweep):
    from tests.workflows.lammps.test_md import restart

    process = sweep(runs_per_job=2)
    process.run_wave()
    kept, frames = restart(), orm.ArrayData()
    outputs = {"replicas": {"run_T700": {"restart": kept, "thermo": frames, "results": orm.Dict({"a": 1})}}}
    process.ctx[f"pack_{process.child('run_T700').node.pk}"] = ended(LammpsReplicasWorkChain, outputs)
    process.ctx.extensions = {"run_T700_x2": ("run_T700", "run_T700", 4.0)}
    process.ctx.pending = ["run_T700_x2"]
    process.run_wave()
    longer = process.submitted[-1].replicas["run_T700_x2"]
    assert longer["restart"].uuid == kept.uuid
    assert longer["before"]["thermo"].uuid == frames.uuid
    assert longer["parameters"]["production_ps"] == 4.0


def test_a_sweep_that_an_earlier_version_began_finds_the_runs_in_its_packs(sweep):
    process = sweep(runs_per_job=2)
    process.run_wave()
    expected = {name: process.child(name) for name in process.ctx.wave}
    process.ctx.places = {name: f"pack_{found.node.pk}" for name, found in expected.items()}
    assert {name: process.child(name) for name in process.ctx.wave} == expected


def test_no_runs_in_a_job_are_refused_at_the_door(lmp_code, potentials, sound_structure):
    with pytest.raises(ValueError, match="must be positive, got 0"):
        builder_of(lmp_code, potentials, sound_structure, runs_per_job=0)


def test_before_a_process_has_ended_the_verdict_on_a_run_is_none_of_its_outputs():
    node = orm.WorkChainNode().store()
    node.base.extras.set(VERDICTS, {"a": [0, "finished"]})
    assert Replica(node, "a").verdict == (0, "finished")
    assert not Replica(node, "a").is_finished_ok
    assert dict(Replica(node, "a").outputs) == {}


@pytest.mark.lammps
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_sweep_is_the_same_together_and_alone_and_either_goes_on_from_the_other(lmp_code, driver, sound_structure):
    few = {"n_seeds": 1}
    alone, first = run_get_node(builder_of(lmp_code, driver, sound_structure, **few))
    together, second = run_get_node(builder_of(lmp_code, driver, sound_structure, runs_per_job=2, **few))
    assert first.exit_status == second.exit_status, (first.exit_message, second.exit_message)
    jobs = [job for job in second.called_descendants if isinstance(job, orm.CalcJobNode)]
    assert [replica_names(job) for job in jobs] == [["run_T500", "run_T700"]]
    assert set(alone["trajectories"]) == {"run_T500", "run_T700"}
    for name, trajectory in alone["trajectories"].items():
        given = {"trajectory": trajectory, "thermo": alone["thermo"][name]}
        found = {"trajectory": together["trajectories"][name], "thermo": together["thermo"][name]}
        assert_same(found, given)
    for earlier, runs_per_job in ((first, 2), (second, 1), (second, 3)):
        builder = builder_of(lmp_code, driver, sound_structure, runs_per_job=runs_per_job, **few)
        builder.continues = earlier.uuid
        _, node = run_get_node(builder)
        assert node.exit_status == first.exit_status
        assert [child for child in node.called if isinstance(child, orm.WorkChainNode)] == []
    wider = builder_of(lmp_code, driver, sound_structure, runs_per_job=3, temperatures_K=[500, 600, 700], **few)
    wider.continues = second.uuid
    _, node = run_get_node(wider)
    (pack,) = (child for child in node.called if isinstance(child, orm.WorkChainNode))
    assert replica_names(pack) == ["run_T600"]
