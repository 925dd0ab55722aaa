"""The input file of DeePMD-kit's training: a ``se_e2_a`` descriptor and an energy fitting net."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aiida_concerted.common.parameters import not_negative, positive, positive_integer

BACKENDS = ("tensorflow", "pytorch")
PRECISIONS = ("default", "float32", "float64", "mixed")
DOUBLE = ("default", "float64")
MIXED = {"output_prec": "float32", "compute_prec": "float16"}
"""The one mixture that DeePMD-kit knows: products of matrices in half precision, all else of the nets in single."""


@dataclass(frozen=True)
class TrainingParameters:
    """Everything of a training but data and seed; the defaults are the paper's nets on its cutoff.

    Nets, cutoff: Fu et al.; what they leave open (smoothing, axis, prefactors, learning rate) as DP-GEN's examples for
    the same elements. The number of steps has no default: it is what a training costs.

    :param n_steps: training steps.
    :param backend: back end of DeePMD-kit, ``tensorflow`` (``dp --tf``) or ``pytorch`` (``dp --pt``).
    :param type_map: element symbols in the order of the model's type numbers; those of the data, sorted, by default.
    :param cutoff_A: radius in Å beyond which atoms do not see each other.
    :param smooth_cutoff_A: radius in Å at which the weight of a neighbour begins to fall.
    :param sel: most neighbours within the cutoff, one number an element in the order of the type map, or ``auto``:
        ten per cent above what the data hold.
    :param descriptor_neurons: widths of the embedding net.
    :param axis_neurons: width of its second factor.
    :param fitting_neurons: widths of the fitting net.
    :param type_one_side: one embedding net for each neighbouring element, not for each pair: faster by a factor.
    :param precision: ``default`` (double), ``float64`` or ``float32`` of the nets, or ``mixed``: half precision in
        their products of matrices, single elsewhere (TensorFlow). Energies are added up in double precision always.
    :param start_learning_rate: learning rate at the first step.
    :param stop_learning_rate: learning rate at the last step.
    :param decay_steps: steps between two reductions of the learning rate; a 200th of the training by default.
    :param energy_prefactors: weight of the energies in the loss at the first and the last step.
    :param force_prefactors: weight of the forces.
    :param virial_prefactors: weight of the virials.
    :param batch_size: frames in a step, or ``auto``: as many as hold 32 atoms.
    :param display_interval_steps: steps between two rows of the learning curve; a 100th of the training by default.
    :param save_interval_steps: steps between two checkpoints; a 20th of the training by default.
    """

    n_steps: int
    backend: str = "tensorflow"
    type_map: tuple[str, ...] | None = None
    cutoff_A: float = 6.0
    smooth_cutoff_A: float = 0.5
    sel: str | tuple[int, ...] = "auto"
    descriptor_neurons: tuple[int, ...] = (25, 50, 100)
    axis_neurons: int = 16
    fitting_neurons: tuple[int, ...] = (240, 240, 240)
    type_one_side: bool = True
    precision: str = "default"
    start_learning_rate: float = 1.0e-3
    stop_learning_rate: float = 3.5e-8
    decay_steps: int | None = None
    energy_prefactors: tuple[float, float] = (0.02, 1.0)
    force_prefactors: tuple[float, float] = (1000.0, 1.0)
    virial_prefactors: tuple[float, float] = (0.0, 0.0)
    batch_size: int | str = 1
    display_interval_steps: int | None = None
    save_interval_steps: int | None = None

    def __post_init__(self) -> None:
        positive_integer(n_steps=self.n_steps, axis_neurons=self.axis_neurons)
        for name in ("decay_steps", "display_interval_steps", "save_interval_steps"):
            if getattr(self, name) is not None:
                positive_integer(**{name: getattr(self, name)})
        positive(cutoff_A=self.cutoff_A, start_learning_rate=self.start_learning_rate)
        positive(stop_learning_rate=self.stop_learning_rate)
        if not 0 < self.smooth_cutoff_A < self.cutoff_A:
            raise ValueError(f"smooth_cutoff_A must lie between 0 and cutoff_A, got {self.smooth_cutoff_A} Å")
        if self.stop_learning_rate > self.start_learning_rate:
            raise ValueError("stop_learning_rate must not exceed start_learning_rate")
        if self.backend not in BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {self.backend!r}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}")
        if self.precision == "mixed" and self.backend != "tensorflow":
            raise ValueError(f"mixed precision is of the back end tensorflow alone, got {self.backend}: take float32")
        self._check_nets()
        self._check_selection()
        self._check_prefactors()

    def _check_nets(self) -> None:
        for name in ("descriptor_neurons", "fitting_neurons"):
            widths = getattr(self, name)
            if not isinstance(widths, tuple) or not widths:
                raise ValueError(f"{name} must be a list of widths, got {widths!r}")
            for width in widths:
                positive_integer(**{name: width})
        if self.axis_neurons > self.descriptor_neurons[-1]:
            raise ValueError(f"axis_neurons ({self.axis_neurons}) must not exceed the last of descriptor_neurons")

    def _check_selection(self) -> None:
        if self.type_map is not None and (not self.type_map or len(set(self.type_map)) != len(self.type_map)):
            raise ValueError(f"type_map must name each element once, got {list(self.type_map)}")
        if self.sel != "auto":
            if not isinstance(self.sel, tuple) or not self.sel or not all(_is_width(number) for number in self.sel):
                raise ValueError(f"sel must be 'auto' or a list of positive integers, got {self.sel!r}")
            if self.type_map is not None and len(self.sel) != len(self.type_map):
                raise ValueError(f"sel needs one number for each of {list(self.type_map)}, got {list(self.sel)}")
        if self.batch_size != "auto":
            positive_integer(batch_size=self.batch_size)

    def _check_prefactors(self) -> None:
        for name in ("energy_prefactors", "force_prefactors", "virial_prefactors"):
            pair = getattr(self, name)
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise ValueError(f"{name} must be two numbers, for the first and the last step, got {pair!r}")
            for value in pair:
                not_negative(**{name: value})


def _is_width(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def derived_seeds(seed: int) -> tuple[int, int, int]:
    """Return the seeds of descriptor, fitting net and batches that belong to one seed.

    Neighbouring seeds share none, so that the members of a committee begin independently.
    """
    states = np.random.SeedSequence(seed).generate_state(3)
    return int(states[0]) >> 1, int(states[1]) >> 1, int(states[2]) >> 1


def build_training_input(
    parameters: TrainingParameters,
    type_map: list[str],
    training_systems: list[str],
    *,
    seed: int,
    validation_systems: list[str] | None = None,
) -> dict[str, Any]:
    """Return the content of ``input.json``.

    :param parameters: what to train.
    :param type_map: element symbols in the order of the type numbers.
    :param training_systems: folders in the ``deepmd/npy`` layout.
    :param seed: the one seed from which those of descriptor, fitting net and batches are derived.
    :param validation_systems: folders whose error the learning curve shows beside the training error.
    :raises ValueError: if ``sel`` does not fit the type map.
    """
    sel: Any = parameters.sel if parameters.sel == "auto" else list(parameters.sel)
    if sel != "auto" and len(sel) != len(type_map):
        raise ValueError(f"sel needs one number for each of {type_map}, got {sel}")
    descriptor_seed, fitting_seed, batch_seed = derived_seeds(seed)
    return {
        "model": {
            "type_map": list(type_map),
            "descriptor": {**_descriptor(parameters, sel), "seed": descriptor_seed},
            "fitting_net": {
                "neuron": list(parameters.fitting_neurons),
                "resnet_dt": True,
                "precision": _of_nets(parameters.precision),
                "seed": fitting_seed,
            },
        },
        "learning_rate": {
            "type": "exp",
            "start_lr": parameters.start_learning_rate,
            "stop_lr": parameters.stop_learning_rate,
            "decay_steps": parameters.decay_steps or max(1, parameters.n_steps // 200),
        },
        "loss": _loss(parameters),
        "training": _training(parameters, training_systems, validation_systems or [], batch_seed),
    }


def _descriptor(parameters: TrainingParameters, sel: Any) -> dict[str, Any]:
    return {
        "type": "se_e2_a",
        "rcut": parameters.cutoff_A,
        "rcut_smth": parameters.smooth_cutoff_A,
        "sel": sel,
        "neuron": list(parameters.descriptor_neurons),
        "axis_neuron": parameters.axis_neurons,
        "resnet_dt": False,
        "type_one_side": parameters.type_one_side,
        "precision": _of_nets(parameters.precision),
    }


def _of_nets(precision: str) -> str:
    return MIXED["output_prec"] if precision == "mixed" else precision


def double_precision_twin(content: dict[str, Any], folder: str) -> dict[str, Any]:
    """Return the content of an ``input.json`` that trains nothing and leaves a checkpoint in double precision.

    Begun from a frozen model (``--init-frz-model``), that checkpoint has the model's weights to the last digit.

    :param content: that of the model's training.
    :param folder: where checkpoint and empty learning curve go.
    """
    model, training = content["model"], content["training"]
    nets = {name: {**model[name], "precision": "float64"} for name in ("descriptor", "fitting_net")}
    single = {key: value for key, value in training.items() if key != "mixed_precision"}
    files = {"save_ckpt": f"{folder}/model.ckpt", "disp_file": f"{folder}/lcurve.out"}
    return {
        **content,
        "model": {**model, **nets},
        "training": {**single, **files, "numb_steps": 0, "disp_freq": 1, "save_freq": 1},
    }


def _loss(parameters: TrainingParameters) -> dict[str, Any]:
    loss: dict[str, Any] = {"type": "ener"}
    for letter, name in (("e", "energy_prefactors"), ("f", "force_prefactors"), ("v", "virial_prefactors")):
        loss[f"start_pref_{letter}"], loss[f"limit_pref_{letter}"] = getattr(parameters, name)
    return loss


def _training(parameters: TrainingParameters, training: list[str], validation: list[str], seed: int) -> dict[str, Any]:
    section: dict[str, Any] = {
        "training_data": {"systems": training, "batch_size": parameters.batch_size},
        "numb_steps": parameters.n_steps,
        "seed": seed,
        "disp_file": "lcurve.out",
        "disp_freq": parameters.display_interval_steps or max(1, parameters.n_steps // 100),
        "save_freq": parameters.save_interval_steps or max(1, parameters.n_steps // 20),
        "max_ckpt_keep": 2,
    }
    if parameters.precision == "mixed":
        section["mixed_precision"] = dict(MIXED)
    if validation:
        section["validation_data"] = {"systems": validation, "batch_size": 1, "numb_btch": 1}
    return section
