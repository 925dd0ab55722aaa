"""DP-GEN's training parameters as those of a committee."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.formats.deepmd_input import TrainingParameters
from aiida_concerted.imports.dpgen.account import TRAINING, Account, number, shown, whole, wholes
from aiida_concerted.imports.dpgen.project import Project

PLACE = "learn.iteration.committee.train"
DESCRIPTORS = ("se_a", "se_e2_a")
SECTIONS = ("model", "learning_rate", "loss", "training")

# Defaults of DeePMD-kit 3.2 for what an input file leaves out, as its documentation of the training input lists them.
START_RATE, STOP_RATE, DECAY_STEPS = 1.0e-3, 1.0e-8, 5000
DESCRIPTOR_NEURONS, AXIS_NEURONS, FITTING_NEURONS = [10, 20, 40], 4, [120, 120, 120]
CUTOFF_A, SMOOTH_CUTOFF_A = 6.0, 0.5
PREFACTORS = {"e": (0.02, 1.0), "f": (1000.0, 1.0), "v": (0.0, 0.0)}

FILES = (
    "set_prefix", "disp_file", "save_ckpt", "disp_training", "time_training", "profiling", "profiling_file",
    "load_ckpt", "numb_test", "tensorboard", "tensorboard_log_dir", "tensorboard_freq", "max_ckpt_keep",
)  # fmt: skip
"""Keys of the section ``training`` that say nothing about the potential: names of files, and what is printed."""

OF_THE_TURNS = ("n_steps", "decay_steps", "display_interval_steps", "save_interval_steps")
"""What the final committee has from the protocol: it is trained longer than those of the turns."""

FIXED: Mapping[str, tuple[Any, str]] = {
    "model.descriptor.resnet_dt": (False, "embedding nets have no time step"),
    "model.descriptor.activation_function": ("tanh", "nets have tanh"),
    "model.descriptor.trainable": (True, "all weights are trained"),
    "model.descriptor.set_davg_zero": (False, "the mean of the environment is taken off"),
    "model.descriptor.exclude_types": ([], "no pair of elements is left out"),
    "model.fitting_net.resnet_dt": (True, "fitting nets have a time step"),
    "model.fitting_net.activation_function": ("tanh", "nets have tanh"),
    "model.fitting_net.trainable": (True, "all weights are trained"),
    "model.fitting_net.type": ("ener", "the net gives energies"),
    "model.fitting_net.numb_fparam": (0, "there are no parameters of a frame"),
    "model.fitting_net.numb_aparam": (0, "there are no parameters of an atom"),
    "model.type": ("standard", "models are of the standard kind"),
    "learning_rate.type": ("exp", "the learning rate decays exponentially"),
    "loss.type": ("ener", "the loss is that of energies and forces"),
    "loss.start_pref_ae": (0.0, "energies of atoms are not fitted"),
    "loss.limit_pref_ae": (0.0, "energies of atoms are not fitted"),
    "loss.start_pref_pf": (0.0, "forces have one weight"),
    "loss.limit_pref_pf": (0.0, "forces have one weight"),
    "training.auto_prob_style": ("prob_sys_size", "frames count alike"),
    "training.training_data.auto_prob": ("prob_sys_size", "frames count alike"),
}
"""Settings that every training here shares: the value, and what it means."""

UNUSED: Mapping[str, str] = {
    "training_init_model": "each turn trains from scratch (learn.warm_start), its members independent",
    "training_reuse_iter": "each turn trains from scratch (learn.warm_start), its members independent",
    "training_reuse_old_ratio": "belongs to training_reuse_iter",
    "training_reuse_numb_steps": "belongs to training_reuse_iter",
    "training_reuse_stop_batch": "belongs to training_reuse_iter",
    "training_reuse_start_lr": "belongs to training_reuse_iter",
    "training_reuse_start_pref_e": "belongs to training_reuse_iter",
    "training_reuse_start_pref_f": "belongs to training_reuse_iter",
    "training_reuse_decay_rate": "belongs to training_reuse_iter",
    "training_iter0_model_path": "each committee is trained here, from the data",
    "training_finetune_model": "each committee is trained here, from the data",
    "model_devi_activation_func": "nets have tanh",
    "srtab_file_path": "a table of repulsion cannot be given; learn.iteration.explore.md.wall_A comes near it",
    "dp_train_skip_neighbor_stat": "the data are looked through once a training",
    "one_h5": "how data are packed for a training is not a choice",
    "init_batch_size": "one size holds for all data: the training's batch_size",
    "sys_batch_size": "one size holds for all data: the training's batch_size",
}
"""Keys of ``param.json`` about training that stand nowhere, and why."""


def translate_training(project: Project, account: Account) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the overrides of the committees of the turns and of the final one.

    :raises ValueError: if a number is none, or the training would be refused.
    """
    n_models = whole(project.param, "numb_models", project.name, 4)
    if n_models < 2:
        raise ValueError(f"{project.name}: numb_models is {n_models}; a deviation needs two models at least")
    account.carried("numb_models", "learn.iteration.committee.n_models")
    where = f"{project.name}: {TRAINING}"
    content = _one_input(project, where)
    if "model" not in content:
        raise ValueError(f"{where} has no section model: write it as DeePMD-kit has it since version 1, in sections")
    sections = {name: _section(content, name, where) for name in SECTIONS}
    train = {
        "backend": _backend(project, account),
        "type_map": project.type_map,
        **_net(sections["model"], where, account),
        **_steps(sections["training"], where, account),
        **_learning_rate(sections["learning_rate"], sections["training"], where, account),
        **_loss(sections["loss"], where, account),
        "batch_size": _batch_size(sections["training"], where, account),
    }
    from_mapping(TrainingParameters, train, where)
    account.carried("type_map", f"{PLACE}.type_map")
    account.carried(f"{TRAINING}.model.type_map", f"{PLACE}.type_map")
    _say_rest(content, account)
    for key, why in UNUSED.items():
        account.left_out(key, why)
    final = {key: value for key, value in train.items() if key not in OF_THE_TURNS}
    common = {"n_models": n_models, **_compression(project, account)}
    return {**common, "train": train}, {**common, "train": final}


def _compression(project: Project, account: Account) -> dict[str, bool]:
    key = "dp_compress"
    if key not in project.param:
        return {}
    wanted = project.param[key]
    if not isinstance(wanted, bool):
        raise ValueError(f"{project.name}: {key} must be true or false, got {wanted!r}")
    account.carried(key, "learn.iteration.committee.compress", "and of the final committee")
    return {"compress": wanted}


def _one_input(project: Project, where: str) -> Mapping[str, Any]:
    """Return the input file of DeePMD-kit, which may be given for each model.

    :raises ValueError: if the models differ in more than seeds: then they are no committee.
    """
    given = project.param.get(TRAINING)
    if isinstance(given, list):
        if not given or not all(isinstance(entry, dict) for entry in given):
            raise ValueError(f"{where} must be a dictionary, or a list of one for each model")
        if any(_without_seeds(other) != _without_seeds(given[0]) for other in given[1:]):
            raise ValueError(f"{where}: the models differ in more than their seeds; a committee has one training")
        given = given[0]
    if not isinstance(given, dict):
        raise ValueError(f"{where} must be a dictionary, got {shown('', given)}")
    return given


def _without_seeds(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_seeds(value) for key, value in content.items() if key != "seed" and key[:1] != "_"}
    return content


def _section(content: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    section = content.get(name, {})
    if not isinstance(section, dict):
        raise ValueError(f"{where}.{name} must be a dictionary, got {shown(name, section)}")
    return section


def _backend(project: Project, account: Account) -> str:
    backend = project.param.get("train_backend", "tensorflow")
    if backend not in ("tensorflow", "pytorch"):
        raise ValueError(f"{project.name}: train_backend is {backend!r}; tensorflow and pytorch are known")
    account.carried("train_backend", f"{PLACE}.backend")
    return str(backend)


def _net(model: Mapping[str, Any], where: str, account: Account) -> dict[str, Any]:
    """Return descriptor and fitting net; nothing where the descriptor is of another kind than ours."""
    descriptor, fitting = (_section(model, name, f"{where}.model") for name in ("descriptor", "fitting_net"))
    kind = descriptor.get("type", "se_e2_a")
    if kind not in DESCRIPTORS:
        why = f"a descriptor of type {shown('', kind)} is not supported: committees have the protocol's se_e2_a nets"
        account.left_out(f"{TRAINING}.model", why)
        return {}
    of = f"{where}.model.descriptor"
    widths = "neuron" if "neuron" in fitting else "n_neuron"
    net: dict[str, Any] = {
        "cutoff_A": number(descriptor, "rcut", of, CUTOFF_A),
        "smooth_cutoff_A": number(descriptor, "rcut_smth", of, SMOOTH_CUTOFF_A),
        "sel": _sel(descriptor.get("sel", "auto"), of, account),
        "descriptor_neurons": wholes(descriptor.get("neuron", DESCRIPTOR_NEURONS), "neuron", of),
        "axis_neurons": whole(descriptor, "axis_neuron", of, AXIS_NEURONS),
        "type_one_side": _flag(descriptor, "type_one_side", of),
        "fitting_neurons": wholes(fitting.get(widths, FITTING_NEURONS), widths, f"{where}.model.fitting_net"),
    }
    names = {"rcut": "cutoff_A", "rcut_smth": "smooth_cutoff_A", "neuron": "descriptor_neurons",
             "axis_neuron": "axis_neurons", "type_one_side": "type_one_side", "sel": "sel"}  # fmt: skip
    for key, name in names.items():
        account.carried(f"{TRAINING}.model.descriptor.{key}", f"{PLACE}.{name}")
    account.carried(f"{TRAINING}.model.descriptor.type", PLACE)
    account.carried(f"{TRAINING}.model.fitting_net.{widths}", f"{PLACE}.fitting_neurons")
    return net | _precision(descriptor, fitting, account)


def _flag(section: Mapping[str, Any], key: str, where: str) -> bool:
    value = section.get(key, False)
    if not isinstance(value, bool):
        raise ValueError(f"{where}: {key} must be true or false, got {shown(key, value)}")
    return value


def _precision(descriptor: Mapping[str, Any], fitting: Mapping[str, Any], account: Account) -> dict[str, Any]:
    given = [section.get("precision", "default") for section in (descriptor, fitting)]
    keys = [f"{TRAINING}.model.{name}.precision" for name in ("descriptor", "fitting_net")]
    if given[0] not in ("default", "float32", "float64"):
        for key in keys:
            account.left_out(key, "the precision is one of default, float32 and float64")
        return {}
    account.carried(keys[0], f"{PLACE}.precision")
    if given[0] == given[1]:
        account.carried(keys[1], f"{PLACE}.precision")
    else:
        account.changed(keys[1], f"{PLACE}.precision", "both nets have the precision of the descriptor")
    return {"precision": given[0]}


def _sel(value: Any, where: str, account: Account) -> Any:
    if isinstance(value, str) and value.startswith("auto"):
        if value != "auto":
            account.changed(f"{TRAINING}.model.descriptor.sel", f"{PLACE}.sel", "auto: ten per cent above the data")
        return "auto"
    return wholes(value, "sel", where)


def _steps(training: Mapping[str, Any], where: str, account: Account) -> dict[str, Any]:
    key = "numb_steps" if "numb_steps" in training else "stop_batch"
    found: dict[str, Any] = {"n_steps": whole(training, key, f"{where}.training")}
    account.carried(f"{TRAINING}.training.{key}", f"{PLACE}.n_steps", "the final committee has the protocol's")
    for key, name in (("disp_freq", "display_interval_steps"), ("save_freq", "save_interval_steps")):
        if key in training:
            found[name] = whole(training, key, f"{where}.training")
            account.carried(f"{TRAINING}.training.{key}", f"{PLACE}.{name}")
    return found


def _learning_rate(
    rates: Mapping[str, Any], training: Mapping[str, Any], where: str, account: Account
) -> dict[str, Any]:
    of = f"{where}.learning_rate"
    start = number(rates, "start_lr", of, START_RATE)
    steps = whole(rates, "decay_steps", of, DECAY_STEPS)
    for key, name in (("start_lr", "start_learning_rate"), ("decay_steps", "decay_steps")):
        account.carried(f"{TRAINING}.learning_rate.{key}", f"{PLACE}.{name}")
    stop = number(rates, "stop_lr", of, STOP_RATE)
    account.carried(f"{TRAINING}.learning_rate.stop_lr", f"{PLACE}.stop_learning_rate")
    if "decay_rate" in rates and "stop_lr" not in rates:
        n_steps = whole(training, "numb_steps" if "numb_steps" in training else "stop_batch", f"{where}.training")
        # DeePMD-kit's older files give the factor of each decay instead of the last rate.
        stop = start * number(rates, "decay_rate", of) ** (n_steps / steps)
        note = f"as the rate that it leads to, {stop:.3g}"
        account.changed(f"{TRAINING}.learning_rate.decay_rate", f"{PLACE}.stop_learning_rate", note)
    return {"start_learning_rate": start, "stop_learning_rate": stop, "decay_steps": steps}


def _loss(loss: Mapping[str, Any], where: str, account: Account) -> dict[str, Any]:
    found = {}
    for letter, name in (("e", "energy_prefactors"), ("f", "force_prefactors"), ("v", "virial_prefactors")):
        keys = [f"{end}_pref_{letter}" for end in ("start", "limit")]
        values = zip(keys, PREFACTORS[letter], strict=True)
        found[name] = [number(loss, key, f"{where}.loss", default) for key, default in values]
        for key in keys:
            account.carried(f"{TRAINING}.loss.{key}", f"{PLACE}.{name}")
    return found


def _batch_size(training: Mapping[str, Any], where: str, account: Account) -> int | str:
    data = _section(training, "training_data", f"{where}.training")
    inside = "batch_size" in data
    key = "training.training_data.batch_size" if inside else "training.batch_size"
    value = (data if inside else training).get("batch_size", "auto")
    place = f"{PLACE}.batch_size"
    if isinstance(value, str):
        if not value.startswith("auto"):
            account.left_out(f"{TRAINING}.{key}", "a batch is a number of frames, or auto: as many as hold 32 atoms")
        elif value not in ("auto", "auto:32"):
            account.changed(f"{TRAINING}.{key}", place, "auto: as many frames as hold 32 atoms")
        account.carried(f"{TRAINING}.{key}", place)
        return "auto"
    if isinstance(value, list):
        account.changed(f"{TRAINING}.{key}", place, "one size for all data: the least")
        return min(wholes(value, "batch_size", f"{where}.training"))
    account.carried(f"{TRAINING}.{key}", place)
    return whole({"batch_size": value}, "batch_size", f"{where}.training")


def _say_rest(content: Mapping[str, Any], account: Account) -> None:
    """Say what became of settings that every training here shares, of seeds and files, and of data."""
    for key, (value, meaning) in FIXED.items():
        given = _value(content, key)
        if given == value:
            account.carried(f"{TRAINING}.{key}", PLACE, meaning)
        elif given is not None:
            account.left_out(f"{TRAINING}.{key}", meaning)
    for key in ("model.descriptor.seed", "model.fitting_net.seed", "training.seed"):
        account.left_out(f"{TRAINING}.{key}", "seeds follow from that of the study")
    for key in FILES:
        account.left_out(f"{TRAINING}.training.{key}", "names of files and what is printed are not a choice")
    for key in ("training_data.systems", "training_data.set_prefix", "systems"):
        account.left_out(f"{TRAINING}.training.{key}", "DP-GEN sets it itself; the data are those of learn.dataset")
    account.left_out(f"{TRAINING}.training.validation_data", "held-out frames are learn.validation, a dataset")


def _value(content: Mapping[str, Any], path: str) -> Any:
    found: Any = content
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found
