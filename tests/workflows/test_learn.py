"""The learning loop and its turns: what goes from part to part, when it ends, and what it refuses."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.calculations.deepmd_evaluate import DeepmdEvaluateCalculation
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.learning.trust import calibrate_levels
from aiida_concerted.workflows.deepmd.committee import DeepmdCommitteeWorkChain
from aiida_concerted.workflows.explore import ExploreWorkChain
from aiida_concerted.workflows.iteration import IterationWorkChain
from aiida_concerted.workflows.learn import LearnWorkChain
from aiida_concerted.workflows.vasp.label import VaspLabelWorkChain
from tests.workflows.ended import ended
from tests.workflows.test_explore import potential_of

ITERATION = {"explore": {"temperatures_K": [300, 900]}, "label": {}}


def dataset_of(frames, start, stop):
    return LabelledFramesData(frames.select(range(start, stop)), level_of_theory="test")


@pytest.fixture
def arguments(dp_code, lmp_code, surrogate_code, lgps_potcars, tiny_frames, sound_structure):
    """Return a function that gives what both builders take."""

    def make(**iteration):
        vasp = {"vasp": {"potential_family": lgps_potcars}}
        overrides = {**ITERATION, "label": vasp, **iteration}
        codes = (dp_code, lmp_code, surrogate_code)
        return (*codes, dataset_of(tiny_frames, 0, 10), {"cell": sound_structure}), overrides

    return make


@pytest.fixture
def turn(arguments, process_of):
    """Return a turn that has not begun."""
    positional, overrides = arguments()
    return process_of(IterationWorkChain.get_builder_from_protocol(*positional, protocol="fast", overrides=overrides))


@pytest.fixture
def loop(arguments, process_of):
    """Return a function that makes a loop that has not begun."""

    def make(**numbers):
        positional, overrides = arguments()
        builder = LearnWorkChain.get_builder_from_protocol(
            *positional, protocol="fast", overrides={"iteration": overrides, "warm_start": False, **numbers}
        )
        process = process_of(builder)
        process.setup()
        return process

    return make


def caught(process):
    """Return the builders that a process submits, by label, in place of their running."""
    submitted = {}
    process.run_child = lambda label, builder, **_: submitted.setdefault(label, builder)
    process.to_context = lambda **_: None
    return submitted


def statistics(**runs):
    keys = ("accurate", "candidate", "failed")
    return orm.Dict({"runs": {name: dict(zip(keys, numbers, strict=True)) for name, numbers in runs.items()}})


def committee(models):
    metrics = {name: orm.Dict({"n_steps": 1}) for name in models}
    curves = {name: orm.ArrayData() for name in models}
    for curve in curves.values():
        curve.set_array("step", np.arange(2))
    return {"models": models, "metrics": metrics, "learning_curves": curves}


@pytest.mark.parametrize("chain", [IterationWorkChain, LearnWorkChain])
def test_a_committee_of_one_is_refused_at_the_door(arguments, chain):
    positional, overrides = arguments(committee={"n_models": 1})
    if chain is LearnWorkChain:
        overrides = {"iteration": overrides}
    with pytest.raises(ValueError, match="a deviation needs two models at least, got 1"):
        chain.get_builder_from_protocol(*positional, protocol="fast", overrides=overrides)


@pytest.mark.parametrize("chain", [IterationWorkChain, LearnWorkChain])
def test_labels_that_would_not_belong_to_the_dataset_are_refused_at_the_door(arguments, chain, process_of):
    positional, overrides = arguments()
    if chain is LearnWorkChain:
        overrides = {"iteration": overrides}
    builder = chain.get_builder_from_protocol(*positional, protocol="fast", overrides=overrides)
    frames = positional[3].get_frames()
    process_of(builder)
    settings = {"incar": {}, "potentials": {"Li": {"titel": "PAW_PBE Li 17Jan2003"}}}
    builder.dataset = LabelledFramesData(frames, level_of_theory="test", energy_settings=settings)
    with pytest.raises(ValueError, match="would not belong to the dataset: the POTCAR of Li is PAW_PBE Li 17Jan2003"):
        process_of(builder)


def test_the_final_committee_may_be_one(arguments, process_of):
    positional, overrides = arguments()
    builder = LearnWorkChain.get_builder_from_protocol(
        *positional, protocol="fast", overrides={"iteration": overrides, "final": {"n_models": 1}}
    )
    assert process_of(builder).inputs.final.n_models.value == 1


def test_a_turn_hands_committee_and_candidates_on(turn, potentials, sound_structure, tiny_frames):
    submitted = caught(turn)
    turn.run_committee()
    assert submitted["committee"].train.training["known"].uuid == turn.inputs.dataset.uuid
    turn.ctx.committee = ended(DeepmdCommitteeWorkChain, committee(potentials))
    assert turn.inspect_committee() is None
    turn.run_explore()
    assert {name: node.uuid for name, node in submitted["explore"].models.items()} == {
        name: node.uuid for name, node in potentials.items()
    }
    counts = statistics(cell_T300=(3, 2, 0), cell_T900=(1, 1, 3))
    turn.ctx.explore = ended(ExploreWorkChain, {"statistics": counts, "candidates": {"cell_T300_f1": sound_structure}})
    assert turn.inspect_explore() is None
    assert turn.should_label()
    turn.run_label()
    assert list(submitted["label"].structures) == ["cell_T300_f1"]
    turn.ctx.label = ended(VaspLabelWorkChain, {"frames": dataset_of(tiny_frames, 10, 13)})
    assert turn.inspect_label() is None
    assert turn.merge() is None
    assert len(turn.outputs["dataset"]) == 13
    turn.results()


def test_a_turn_without_candidates_labels_nothing(turn):
    turn.ctx.explore = ended(ExploreWorkChain, {"statistics": statistics(cell_T300=(3, 0, 0))})
    assert not turn.should_label()


@pytest.mark.parametrize(
    ("name", "chain", "label"),
    [
        ("committee", DeepmdCommitteeWorkChain, "ERROR_COMMITTEE_FAILED"),
        ("explore", ExploreWorkChain, "ERROR_EXPLORE_FAILED"),
        ("label", VaspLabelWorkChain, "ERROR_LABEL_FAILED"),
    ],
)
def test_a_part_that_failed_ends_the_turn_with_its_reason(turn, name, chain, label):
    turn.ctx[name] = ended(chain, exit_status=420, exit_message="no disk left")
    code = getattr(turn, f"inspect_{name}")()
    assert code.status == IterationWorkChain.exit_codes[label].status
    assert "no disk left" in code.message


def end_turn(process, counts, **outputs):
    node = ended(IterationWorkChain, {"statistics": counts, **outputs})
    process.ctx[process.turn_label(process.ctx.turn)] = node
    assert process.inspect_iteration() is None


def test_the_loop_goes_on_with_the_dataset_of_its_last_turn_until_all_runs_are_accurate(loop, tiny_frames):
    process = loop(min_iterations=1, max_iterations=5, accurate_fraction=0.9, consecutive=1)
    submitted = caught(process)
    larger = dataset_of(tiny_frames, 0, 13).store()
    end_turn(process, statistics(cell_T300=(9, 1, 0), cell_T900=(5, 5, 0)), dataset=larger)
    assert process.should_iterate()
    process.run_iteration()
    assert submitted["iteration_02"].dataset.uuid == larger.uuid
    assert submitted["iteration_02"].seed.value != process.inputs.seed.value
    end_turn(process, statistics(cell_T300=(10, 0, 0), cell_T900=(9, 1, 0)))
    assert not process.should_iterate()
    process.run_final()
    assert submitted["final"].train.training["known"].uuid == larger.uuid


def test_survivors_alone_do_not_make_the_loop_converge(loop):
    process = loop(min_iterations=1, max_iterations=5, accurate_fraction=0.9)
    end_turn(process, statistics(cell_T300=(10, 0, 0)))
    assert process.ctx.history == [{"cell_T300": 1.0, "cell_T900": 0.0}]
    assert process.should_iterate()


def test_the_budget_ends_the_loop(loop):
    process = loop(min_iterations=1, max_iterations=1)
    end_turn(process, statistics(cell_T300=(0, 1, 0), cell_T900=(0, 1, 0)))
    assert not process.should_iterate()


def test_a_turn_that_failed_ends_the_loop_with_its_reason(loop):
    process = loop()
    process.ctx.iteration_01 = ended(IterationWorkChain, exit_status=431, exit_message="no disk left")
    code = process.inspect_iteration()
    assert code.status == LearnWorkChain.exit_codes.ERROR_ITERATION_FAILED.status
    assert "Turn 1" in code.message
    assert "no disk left" in code.message


def test_a_final_committee_that_failed_is_an_error(loop):
    process = loop()
    process.ctx.final = ended(DeepmdCommitteeWorkChain, exit_status=420, exit_message="no disk left")
    assert process.inspect_final().status == LearnWorkChain.exit_codes.ERROR_FINAL_FAILED.status


def test_the_table_holds_every_turn_and_the_final_committee(loop, potentials):
    process = loop()
    parts = committee(potentials)
    end_turn(process, statistics(cell_T300=(1, 1, 0), cell_T900=(0, 2, 0)), committee=parts)
    process.ctx.final = ended(DeepmdCommitteeWorkChain, committee(potentials))
    process.results()
    turns = process.outputs["table"]["turns"]
    assert [row["turn"] for row in turns] == [1, 2]
    assert turns[0]["runs"]["cell_T900"]["candidate"] == 2
    assert set(turns[1]["metrics"]) == {"model_0", "model_1"}
    assert set(process.outputs["models"]) == {"model_0", "model_1"}


def test_a_warm_loop_starts_every_committee_from_the_one_before(loop, potentials):
    process = loop(warm_start=True, warm_start_learning_rate=5e-4)
    submitted = caught(process)
    process.run_iteration()
    first = submitted["iteration_01"].committee
    assert not first.get("initial_models")
    end_turn(process, statistics(cell_T300=(0, 1, 0), cell_T900=(0, 1, 0)), committee=committee(potentials))
    process.run_iteration()
    process.run_final()
    for builder in (submitted["iteration_02"].committee, submitted["final"]):
        assert {name: node.uuid for name, node in builder.initial_models.items()} == {
            name: node.uuid for name, node in potentials.items()
        }
        assert builder.train.parameters["start_learning_rate"] == 5e-4
    assert first.train.parameters["start_learning_rate"] != 5e-4


def test_a_cold_loop_starts_anew(loop, potentials):
    process = loop(warm_start=False)
    submitted = caught(process)
    end_turn(process, statistics(cell_T300=(0, 1, 0), cell_T900=(0, 1, 0)), committee=committee(potentials))
    process.run_iteration()
    assert not submitted["iteration_02"].committee.get("initial_models")


def test_a_warm_loop_needs_one_net_throughout(arguments, process_of):
    positional, overrides = arguments()
    builder = LearnWorkChain.get_builder_from_protocol(
        *positional, protocol="fast",
        overrides={"iteration": overrides, "warm_start": True, "final": {"train": {"fitting_neurons": [7, 7]}}},
    )  # fmt: skip
    with pytest.raises(ValueError, match="another fitting_neurons"):
        process_of(builder)


HALF = {"accurate": 5, "candidate": 5, "failed": 0}


def decided(**rows):
    """Return statistics as the selection records them."""
    runs = {name: {**HALF, "temperature_K": float(name.split("_T")[1])} for name in rows}
    return orm.Dict({"runs": runs, "decision": {"levels_eV_A": {name: [lower, 0.5] for name, lower in rows.items()}}})


def committee_with(models, error):
    """Return the outputs of a committee that has this error on held-out frames."""
    metrics = orm.Dict({"held_out": {"rmse_force_eV_A": error}})
    return {**committee(models), "metrics": dict.fromkeys(models, metrics)}


def test_a_plateau_of_the_held_out_error_ends_the_loop_where_that_is_asked_for(loop, potentials):
    process = loop(max_iterations=5, stopping={"rules": ["plateau"], "plateau": {"improvement": 0.1, "turns": 1}})
    for error, goes_on in ((0.2, True), (0.1, True), (0.095, False)):
        end_turn(process, decided(cell_T300=0.1, cell_T900=0.1), committee=committee_with(potentials, error))
        assert process.should_iterate() == goes_on
    assert process.ctx.verdict["rule"] == "plateau"
    assert "5.0% in 1 turns" in process.ctx.verdict["reason"]


def test_adaptive_levels_that_settle_end_the_loop_where_that_is_asked_for(loop):
    process = loop(max_iterations=5, stopping={"rules": ["levels"], "levels": {"tolerance_eV_A": 0.02}})
    for level, goes_on in ((0.2, True), (0.15, True), (0.14, False)):
        end_turn(process, decided(cell_T300=level, cell_T900=0.1))
        assert process.should_iterate() == goes_on


def test_a_budget_of_labels_ends_the_loop(loop, tiny_frames):
    process = loop(max_iterations=5, stopping={"max_labels": 5})
    for goes_on in (True, False):
        end_turn(process, decided(cell_T300=0.1, cell_T900=0.1), labels=dataset_of(tiny_frames, 0, 3))
        assert process.should_iterate() == goes_on
    assert process.ctx.verdict["rule"] == "budget"
    assert process.ctx.verdict["reason"].startswith("the budget of 5 labels is spent; cell_T")


def test_the_table_says_why_the_loop_ended(loop, potentials):
    process = loop(min_iterations=1, max_iterations=1)
    end_turn(process, statistics(cell_T300=(1, 1, 0), cell_T900=(0, 2, 0)), committee=committee(potentials))
    assert not process.should_iterate()
    process.ctx.final = ended(DeepmdCommitteeWorkChain, committee(potentials))
    process.results()
    assert process.outputs["table"]["stopped"]["rule"] == "budget"


def test_a_wrong_word_about_stopping_is_named(loop):
    with pytest.raises(ValueError, match=r"stopping\.rule': did you mean 'rules'"):
        loop(stopping={"rule": ["plateau"]})
    with pytest.raises(ValueError, match="unknown stopping rule 'platau': did you mean 'plateau'"):
        loop(stopping={"rules": ["platau"]})


def observed(value, error):
    return orm.Dict({"temperature_K": 900.0, "diffusivity_m2_s": value, "diffusivity_stderr_m2_s": error})


def test_a_diffusivity_that_is_stable_ends_the_loop_where_that_is_asked_for(loop, potentials):
    process = loop(max_iterations=5, stopping={"rules": ["observable"], "observable": {"temperature_K": 900}})
    submitted = caught(process)
    process.run_iteration()
    assert submitted["iteration_01"].explore.observable_temperature_K.value == 900.0
    for value, error, goes_on in ((1e-9, 1e-10, True), (2e-9, 1e-10, True), (2.1e-9, 1e-10, False)):
        end_turn(
            process, decided(cell_T300=0.1, cell_T900=0.1), observable=observed(value, error),
            committee=committee(potentials),
        )  # fmt: skip
        assert process.should_iterate() == goes_on
    assert process.ctx.verdict["rule"] == "observable"
    process.ctx.final = ended(DeepmdCommitteeWorkChain, committee(potentials))
    process.results()
    assert [turn["observable"]["diffusivity_m2_s"] for turn in process.outputs["table"]["turns"][:3]] == [
        1e-9,
        2e-9,
        2.1e-9,
    ]


def test_a_diffusivity_that_nothing_explores_is_refused_at_the_door(loop):
    with pytest.raises(ValueError, match="explores nothing at 1000 K and constant volume, only 300, 900"):
        loop(stopping={"rules": ["observable"], "observable": {"temperature_K": 1000}})


CALIBRATED = {**ITERATION["explore"], "selection": {"calibrate": {"ratio": 3.0}}}


@pytest.fixture
def calibrating_turn(arguments, process_of, tiny_frames):
    """Return a function that makes a turn which calibrates its levels."""

    def make(n_frames=25, explore=CALIBRATED, **nodes):
        positional, overrides = arguments(explore=explore)
        builder = IterationWorkChain.get_builder_from_protocol(*positional, protocol="fast", overrides=overrides)
        builder.dataset = dataset_of(tiny_frames, 0, n_frames)
        for name, node in nodes.items():
            builder[name] = node
        return process_of(builder)

    return make


@pytest.mark.deepmd
def test_the_first_committee_gives_the_levels_from_held_out_frames(calibrating_turn, tiny_frames, tiny_models):
    held_out = dataset_of(tiny_frames, 15, 40)
    turn = calibrating_turn(n_frames=15, validation=held_out)
    submitted = caught(turn)
    models = {f"model_{index}": potential_of(path).store() for index, path in enumerate(tiny_models)}
    turn.ctx.committee = ended(DeepmdCommitteeWorkChain, committee(models))
    assert turn.needs_deviation()
    turn.run_evaluation()
    evaluate = submitted["evaluate"]
    assert evaluate.frames["held_out"].uuid == held_out.uuid
    _, turn.ctx.evaluation = run_get_node(evaluate)
    assert turn.ctx.evaluation.is_finished_ok, turn.ctx.evaluation.exit_message
    assert turn.inspect_evaluation() is None
    assert not turn.needs_deviation()
    assert turn.calibrate() is None
    deviation = turn.ctx.evaluation.outputs.deviations.held_out.get_array("max_devi_f_eV_A")
    expected = calibrate_levels(deviation, ratio=3.0)
    assert 0 < expected.lower < 5
    turn.run_explore()
    selection = submitted["explore"].selection
    assert selection.creator.process_label == "calibrate_trust_levels"
    found = selection["trust_lower_eV_A"], selection["trust_upper_eV_A"]
    assert found == pytest.approx((expected.lower, expected.upper))
    assert "calibrate" not in selection.get_dict()
    record = turn.outputs["calibration"].get_dict()
    assert (record["frames"], record["n_frames"]) == ("held_out", 25)


def test_levels_that_are_given_are_not_calibrated(turn):
    assert not turn.needs_levels()
    assert not turn.needs_deviation()


def test_a_deviation_that_fails_twice_ends_the_turn(calibrating_turn, fast_localhost):
    turn = calibrating_turn()
    failed = ended(
        DeepmdEvaluateCalculation, computer=fast_localhost, exit_status=310, exit_message="no disk left",
        options={"resources": {"num_machines": 1}},
    )  # fmt: skip
    turn.ctx.evaluation, turn.ctx.evaluations = failed, 1
    assert turn.inspect_evaluation() is None
    assert turn.needs_deviation()
    turn.ctx.evaluations = 2
    code = turn.inspect_evaluation()
    assert code.status == IterationWorkChain.exit_codes.ERROR_CALIBRATION_FAILED.status
    assert "no disk left" in code.message


def test_too_few_frames_to_calibrate_on_are_refused_at_the_door(calibrating_turn, tiny_frames):
    with pytest.raises(ValueError, match="needs 20 frames at least, dataset holds 10"):
        calibrating_turn(n_frames=10)
    with pytest.raises(ValueError, match="needs 20 frames at least, validation holds 5"):
        calibrating_turn(validation=dataset_of(tiny_frames, 30, 35))
    unknown = {**CALIBRATED, "selection": {"calibrate": {"by": "temperature"}}}
    with pytest.raises(ValueError, match="frames of dataset do not tell their temperatures"):
        calibrating_turn(explore=unknown)


def test_an_exploration_alone_calibrates_nothing(process_of, lmp_code, potentials, sound_structure):
    builder = ExploreWorkChain.get_builder_from_protocol(
        lmp_code, {"cell": sound_structure}, potentials, protocol="fast",
        overrides={"selection": {"calibrate": {}}},
    )  # fmt: skip
    with pytest.raises(ValueError, match="a turn of learning calibrates levels"):
        process_of(builder)


def test_the_levels_of_the_first_turn_hold_for_all(loop, potentials):
    process = loop(max_iterations=5)
    submitted = caught(process)
    process.run_iteration()
    selection = orm.Dict({"trust_lower_eV_A": 0.2, "trust_upper_eV_A": 0.6, "max_selected": 3}).store()
    record = orm.Dict({"frames": "held_out", "trust_lower_eV_A": 0.2})
    counts = statistics(cell_T300=(1, 1, 0), cell_T900=(0, 2, 0))
    end_turn(process, counts, committee=committee(potentials), selection=selection, calibration=record)
    process.run_iteration()
    assert submitted["iteration_01"].explore.selection.uuid != selection.uuid
    assert submitted["iteration_02"].explore.selection.uuid == selection.uuid
    process.ctx.final = ended(DeepmdCommitteeWorkChain, committee(potentials))
    process.results()
    assert process.outputs["table"]["turns"][0]["calibration"] == record.get_dict()
