"""Work chains that go on from an earlier one: what is used of it, and what is run."""

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.common.extras import LEFT_OUT, REUSED
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.environment.processes import read_process_tree
from aiida_concerted.queries.calls import calls_of, continued, origin_uuid, walk
from aiida_concerted.workflows.continuing import full_inputs, has_inputs, is_same
from aiida_concerted.workflows.learn import LearnWorkChain
from aiida_concerted.workflows.study import StudyWorkChain
from aiida_concerted.workflows.sweep import SweepWorkChain
from tests.workflows.standins import Refused, Steps

PROCESSES = ("Fickle", "Step", "double", "split")


def count():
    """Return how many processes of each kind there are in the profile."""
    query = orm.QueryBuilder().append(orm.ProcessNode, project="attributes.process_label")
    labels = query.all(flat=True)
    return {name: labels.count(name) for name in PROCESSES}


def child_of(loop):
    """Return the first turn that a loop ran or took over."""
    return dict(calls_of(loop))["step_1"]


def run(**inputs):
    """Run the stand-in of a loop; return it with the number of processes that were run beside it."""
    before = count()
    try:
        node = run_get_node(Steps, **inputs)[1]
    except RuntimeError:
        node = max(orm.QueryBuilder().append(orm.WorkChainNode).all(flat=True), key=lambda node: node.pk)
        while node.caller is not None:
            node = node.caller
        assert node.is_excepted
    after = count()
    return node, {name: after[name] - before[name] for name in PROCESSES if after[name] > before[name]}


@pytest.fixture(scope="module")
def uuid_of_died(aiida_profile):
    """Return the UUID of a loop whose process died after its first turn."""
    return run(n=2, dies_after=1)[0].uuid


@pytest.fixture
def died(uuid_of_died):
    """Return this loop, read anew: a node that was loaded before may belong to a session that is closed."""
    return orm.load_node(uuid_of_died)


def test_a_loop_that_died_uses_what_finished_and_its_results_keep_its_name(died):
    went_on, new = run(n=2, continues=died.uuid)
    assert went_on.is_finished_ok
    assert went_on.outputs.number == 4
    assert new == {"Step": 1, "double": 1, "split": 1, "Fickle": 1}
    assert went_on.base.extras.get(REUSED) == [{"label": "step_1", "uuid": child_of(died).uuid}]
    assert [label for label, _ in calls_of(went_on)] == ["step_1", "step_2"]
    assert len(walk(went_on)) == 9
    assert went_on.outputs.study == died.uuid


def test_what_a_process_continues_is_told_unless_it_was_asked_for_too(died):
    later = run(n=2, continues=died.uuid)[0]
    latest = run(n=2, continues=later.uuid)[0]
    of_latest = [earlier.uuid for process, earlier in continued([latest]) if process.uuid == latest.uuid]
    assert of_latest == [later.uuid, died.uuid]
    assert (later.uuid, died.uuid) in [(process.uuid, earlier.uuid) for process, earlier in continued([latest])]
    asked = {died.uuid, *(process.uuid for process in died.called_descendants)}
    assert not asked & {earlier.uuid for _, earlier in continued([latest, died])}
    assert continued([died, orm.Int(1)]) == []


def test_a_smaller_or_larger_budget_and_more_at_once_run_nothing_again(died):
    again, new = run(n=1, continues=died.uuid, step={"max_concurrent": 1})
    assert new == {}
    assert again.outputs.number.uuid == child_of(died).outputs.number.uuid


def test_what_depends_on_another_value_is_run_and_nothing_else(died):
    other, new = run(n=1, continues=died.uuid, step={"note": "another"})
    assert new == {"Step": 1}
    step = child_of(other)
    assert step.inputs.continues == child_of(died).uuid
    assert [label for label, _ in calls_of(step)] == ["double", "split", "only"]
    assert step.outputs.number.uuid == child_of(died).outputs.number.uuid
    back, new = run(n=1, continues=other.uuid)
    assert new == {}
    assert child_of(back).uuid == child_of(died).uuid
    assert origin_uuid(back) == died.uuid


def test_a_step_that_failed_is_run_again_on_what_finished_in_it(died):
    failed, _ = run(n=1, continues=died.uuid, step={"note": "failing", "fails": True})
    assert not failed.is_finished_ok
    mended, new = run(n=1, continues=failed.uuid, step={"note": "failing"})
    assert mended.is_finished_ok
    assert new == {"Step": 1}


@pytest.mark.parametrize("extra", ["text", [1], [{"uuid": 3}], "itself"])
def test_an_extra_that_makes_no_sense_does_no_harm(aiida_profile, extra):
    node = orm.WorkChainNode().store()
    node.base.extras.set(REUSED, [{"label": "loop", "uuid": node.uuid}] if extra == "itself" else extra)
    assert walk(node) == [node]
    assert read_process_tree(node.uuid).pk == node.pk


def test_a_child_that_came_without_its_outputs_is_not_used(died):
    step = child_of(died)
    step.base.extras.set(LEFT_OUT, {"outputs": ["number"]})
    try:
        assert run(n=1, continues=died.uuid)[1] == {"Step": 1}
        step.base.extras.set(LEFT_OUT, {"outputs": ["remote_folder"]})
        assert run(n=1, continues=died.uuid)[1] == {}
    finally:
        step.base.extras.delete(LEFT_OUT)


def test_what_cannot_be_continued_is_refused_at_the_door(aiida_profile, process_of):
    other = run_get_node(Refused)[1]

    def builder(**inputs):
        made = Steps.get_builder()
        made._update({"n": 1, **inputs})
        return made

    with pytest.raises(ValueError, match=f"Refused <{other.pk}> is no Steps: only one of the same kind goes on"):
        process_of(builder(continues=other.uuid))
    with pytest.raises(ValueError, match="there is no process 0000"):
        process_of(builder(continues="0000"))
    waiting = process_of(builder()).node
    with pytest.raises(ValueError, match=f"Steps <{waiting.pk}> has not ended"):
        process_of(builder(continues=waiting.uuid))


def test_the_parts_of_a_study_have_no_such_input(aiida_profile):
    assert "continues" in StudyWorkChain.spec().inputs
    flat = StudyWorkChain.spec().inputs
    for path in ("learn", "learn.iteration", "learn.iteration.explore", "sweep", "sweep.run", "aimd"):
        assert "continues" not in flat.get_port(path)


def code(computer, name, plugin="concerted.lammps.md"):
    return orm.InstalledCode(
        label=name, computer=computer, default_calc_job_plugin=plugin, filepath_executable=f"/opt/{plugin}/{name}"
    )


@pytest.mark.parametrize("kind", [LearnWorkChain, SweepWorkChain])
def test_what_a_protocol_gives_twice_is_the_same(
    kind, process_of, dp_code, lmp_code, surrogate_code, lgps_potcars, tiny_frames, sound_structure, potentials
):
    dataset = LabelledFramesData(tiny_frames.select(range(4)), level_of_theory="test").store()

    def build(**overrides):
        if kind is SweepWorkChain:
            return kind.get_builder_from_protocol(
                lmp_code, sound_structure.clone(), potentials, sites=SiteNetworkData.from_site_model("lgps"),
                protocol="fast", overrides={"temperatures_K": [300.0, 400.0], **overrides},
            )  # fmt: skip
        label = {"vasp": {"potential_family": lgps_potcars}}
        return kind.get_builder_from_protocol(
            dp_code, lmp_code, surrogate_code, dataset, {"cell": sound_structure.clone()}, protocol="fast",
            overrides={"iteration": {"label": label, "explore": {"temperatures_K": [300]}}, **overrides},
        )  # fmt: skip

    def inputs(builder):
        return full_inputs(kind, builder._inputs(prune=True))

    node = process_of(build()).node
    assert has_inputs(node, inputs(build()))
    other = build(**({"max_iterations": 99} if kind is LearnWorkChain else {"temperatures_K": [300.0, 401.0]}))
    assert not has_inputs(node, inputs(other))
    slower = build()
    for part in (slower.run,) if kind is SweepWorkChain else (slower.iteration.explore.run,):
        part.md.metadata.options = {"max_wallclock_seconds": 77, "resources": {"num_machines": 1}}
    assert has_inputs(node, inputs(slower))


def test_a_code_is_the_same_where_it_runs_the_same_program(aiida_localhost):
    lmp = code(aiida_localhost, "lmp").store()
    elsewhere = orm.InstalledCode(
        label="mine",
        computer=aiida_localhost,
        default_calc_job_plugin="concerted.lammps.md",
        filepath_executable="/a/lmp",
    )
    assert is_same(lmp, elsewhere)
    assert not is_same(lmp, code(aiida_localhost, "lmp_gpu"))
    vasp, surrogate = (code(aiida_localhost, name, "vasp.vasp") for name in ("vasp_std", "concerted-vasp-surrogate"))
    assert not is_same(vasp, surrogate)


@pytest.mark.parametrize(
    "make", [lambda: orm.Dict({"a": (1, 2.5, 1e20)}), lambda: orm.List([1, 2]), lambda: orm.Int(3)]
)
def test_nodes_are_the_same_by_content_stored_or_not(aiida_profile, make):
    assert is_same(make(), make().store())
    assert not is_same(make(), orm.Dict({"a": 1}))
    assert not is_same(orm.Int(3), orm.Float(3))
