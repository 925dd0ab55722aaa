import pytest

from aiida_concerted.learning.schedule import first_turn_of_last, read_schedule, runs_of, stage_of_turn

COLD_THEN_HOT = [
    {"turns": 2, "structures": ["ordered"], "temperatures_K": [50, 300]},
    {"turns": 3, "supercell": [2, 2, 1], "pressures_bar": [0.0, 1e4], "production_ps": 10.0},
]


def test_turns_go_through_the_stages_and_the_last_goes_on():
    stages = read_schedule(COLD_THEN_HOT, ["ordered", "disordered"])
    found = [stages.index(stage_of_turn(stages, turn)) for turn in range(1, 9)]
    assert found == [0, 0, 1, 1, 1, 1, 1, 1]
    assert first_turn_of_last(stages) == 3


def test_a_stage_runs_what_it_names_and_otherwise_everything():
    first, second = read_schedule(COLD_THEN_HOT)
    everything = (["ordered", "disordered"], [700.0])
    assert [run.name for run in runs_of(first, *everything)] == ["ordered_T50", "ordered_T300"]
    runs = runs_of(second, *everything)
    names = ["disordered_2x2x1_T700_P0", "disordered_2x2x1_T700_P10000"]
    assert [run.name for run in runs] == [*names, *(name.replace("dis", "") for name in names)]
    assert {(run.production_ps, run.supercell, run.temperature_K) for run in runs} == {(10.0, (2, 2, 1), 700.0)}


def test_without_a_schedule_every_turn_explores_everything():
    stage = stage_of_turn(read_schedule([]), 7)
    assert [run.name for run in runs_of(stage, ["b", "a"], [312.5])] == ["a_T312p5", "b_T312p5"]
    assert first_turn_of_last([]) == 1


@pytest.mark.parametrize("pressure", [0.5, 1e6, 12345.6])
def test_names_of_runs_are_fit_for_labels(pressure):
    (stage,) = read_schedule([{"pressures_bar": [pressure], "temperatures_K": [300]}])
    (run,) = runs_of(stage, ["cell"], [])
    assert run.name.isidentifier()


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"temperature_K": [300]}, "unknown key 'temperature_K' in stage 1: did you mean 'temperatures_K'"),
        ({"structures": ["orderd"]}, "stage 1: there is no structure 'orderd': did you mean 'ordered'"),
        ({"turns": 0}, "turns must be a positive integer"),
        ({"temperatures_K": []}, "temperatures_K must be a list with one entry"),
        ({"temperatures_K": 300}, "temperatures_K must be a list"),
        ({"temperatures_K": [-5]}, "temperatures_K must be a positive number"),
        ({"pressures_bar": ["high"]}, "pressures_bar must"),
        ({"supercell": [2, 2]}, "supercell must hold three multiples"),
        ({"supercell": [2, 2, 0.5]}, "supercell must be a positive integer"),
        ({"production_ps": 0}, "production_ps must be a positive number"),
        ("hot", "stage 1 must be a dictionary"),
    ],
)
def test_a_stage_that_makes_no_sense_is_named_by_its_number(stage, message):
    with pytest.raises(ValueError, match=message):
        read_schedule([stage], ["ordered", "disordered"])
