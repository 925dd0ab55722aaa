from __future__ import annotations

import itertools

import pytest

from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.formats.deepmd_input import (
    TrainingParameters,
    build_training_input,
    derived_seeds,
    double_precision_twin,
)

TYPE_MAP = ["Li", "Ge", "P", "S"]


def test_the_input_says_what_the_parameters_say():
    parameters = from_mapping(
        TrainingParameters,
        {
            "n_steps": 1000,
            "sel": [40, 12, 12, 40],
            "descriptor_neurons": [10, 20],
            "batch_size": "auto",
            "cutoff_A": 7.0,
        },
        "parameters",
    )
    content = build_training_input(parameters, TYPE_MAP, ["a", "b"], seed=1, validation_systems=["v"])
    descriptor = content["model"]["descriptor"]
    assert (descriptor["type"], descriptor["rcut"], descriptor["rcut_smth"]) == ("se_e2_a", 7.0, 0.5)
    assert (descriptor["sel"], descriptor["neuron"]) == ([40, 12, 12, 40], [10, 20])
    assert content["model"]["type_map"] == TYPE_MAP
    assert content["model"]["fitting_net"]["neuron"] == [240, 240, 240]
    assert content["loss"] == {
        "type": "ener", "start_pref_e": 0.02, "limit_pref_e": 1.0, "start_pref_f": 1000.0, "limit_pref_f": 1.0,
        "start_pref_v": 0.0, "limit_pref_v": 0.0,
    }  # fmt: skip
    training = content["training"]
    assert training["training_data"] == {"systems": ["a", "b"], "batch_size": "auto"}
    assert training["validation_data"]["systems"] == ["v"]
    assert (training["numb_steps"], training["disp_freq"], training["save_freq"]) == (1000, 10, 50)
    assert content["learning_rate"]["decay_steps"] == 5


@pytest.mark.deepmd
def test_deepmd_kit_accepts_the_input_as_it_is():
    from deepmd.utils.argcheck import normalize

    content = build_training_input(TrainingParameters(n_steps=10), TYPE_MAP, ["a"], seed=1, validation_systems=["v"])
    normal = normalize(content)
    assert normal["model"]["descriptor"]["sel"] == "auto"


def test_seeds_of_neighbouring_members_are_all_different():
    seeds = [derived_seeds(seed) for seed in range(200)]
    assert len(set(itertools.chain.from_iterable(seeds))) == 600
    assert derived_seeds(7) == seeds[7]
    assert all(0 <= number < 2**31 for triple in seeds for number in triple)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "parameters lacks n_steps"),
        ({"n_steps": 10, "numb_steps": 10}, r"unknown key 'numb_steps' in parameters: did you mean 'n_steps'\?"),
        ({"n_steps": 1.5}, "n_steps must be a positive integer, got 1.5"),
        ({"n_steps": True}, "n_steps must be a positive integer, got True"),
        ({"n_steps": 10, "cutoff_A": -6.0}, "cutoff_A must be a positive number"),
        ({"n_steps": 10, "smooth_cutoff_A": 6.0}, "smooth_cutoff_A must lie between 0 and cutoff_A"),
        ({"n_steps": 10, "sel": "all"}, "sel must be 'auto' or a list"),
        ({"n_steps": 10, "sel": [1, 2], "type_map": ["Li"]}, r"sel needs one number for each of \['Li'\]"),
        ({"n_steps": 10, "type_map": ["Li", "Li"]}, "each element once"),
        ({"n_steps": 10, "fitting_neurons": []}, "fitting_neurons must be a list of widths"),
        ({"n_steps": 10, "fitting_neurons": [0]}, "fitting_neurons must be a positive integer"),
        ({"n_steps": 10, "descriptor_neurons": [4, 8]}, r"axis_neurons \(16\) must not exceed"),
        ({"n_steps": 10, "precision": "half"}, "precision must be one of"),
        ({"n_steps": 10, "precision": "mixed", "backend": "pytorch"}, "mixed precision is of the back end tensorflow"),
        ({"n_steps": 10, "stop_learning_rate": 1.0}, "stop_learning_rate must not exceed"),
        ({"n_steps": 10, "force_prefactors": [1.0]}, "force_prefactors must be two numbers"),
        ({"n_steps": 10, "force_prefactors": [1.0, -1.0]}, "force_prefactors must be a number of at least zero"),
        ({"n_steps": 10, "save_interval_steps": 0}, "save_interval_steps must be a positive integer"),
    ],
)
def test_unfit_parameters_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        from_mapping(TrainingParameters, values, "parameters")


def test_neighbour_numbers_must_fit_the_type_map():
    with pytest.raises(ValueError, match="sel needs one number for each of"):
        build_training_input(TrainingParameters(n_steps=1, sel=(4, 4)), TYPE_MAP, ["a"], seed=1)


def test_mixed_precision_is_single_precision_with_products_in_half():
    content = build_training_input(TrainingParameters(n_steps=1000, precision="mixed"), TYPE_MAP, ["a"], seed=1)
    nets = [content["model"][name]["precision"] for name in ("descriptor", "fitting_net")]
    assert nets == ["float32", "float32"]
    assert content["training"]["mixed_precision"] == {"output_prec": "float32", "compute_prec": "float16"}


def test_the_twin_in_double_precision_has_the_same_nets_and_trains_nothing():
    content = build_training_input(TrainingParameters(n_steps=1000, precision="mixed"), TYPE_MAP, ["a"], seed=1)
    twin = double_precision_twin(content, "double")
    for name in ("descriptor", "fitting_net"):
        assert twin["model"][name] == {**content["model"][name], "precision": "float64"}
    assert "mixed_precision" not in twin["training"]
    assert (twin["training"]["numb_steps"], twin["training"]["save_ckpt"]) == (0, "double/model.ckpt")
    assert twin["training"]["disp_file"] != content["training"]["disp_file"]
    assert content["training"]["numb_steps"] == 1000
