"""One deep potential trained, frozen, optionally compressed, and tested in one job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeRunMode
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec

from aiida_concerted.calculations.deepmd_checkpoint import checkpoint_of
from aiida_concerted.calculations.jobs import copy_potential, dp_command, run_as_one_process
from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.data.consistency import agreed_settings
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.formats import deepmd_checkpoint, lcurve
from aiida_concerted.formats.deepmd_input import DOUBLE as DOUBLE_PRECISION
from aiida_concerted.formats.deepmd_input import TrainingParameters, build_training_input, double_precision_twin
from aiida_concerted.formats.deepmd_npy import write_deepmd_npy

MAX_IN_SET_FRAMES = 1000
"""Frames of the in-set test; the number of Fu et al. for theirs."""


def training_parameters(parameters: orm.Dict) -> TrainingParameters:
    """Return the checked parameters of a training.

    :raises ValueError: if a key is unknown or a value refused.
    """
    return from_mapping(TrainingParameters, parameters.get_dict(), "parameters")


def type_map_of(parameters: TrainingParameters, datasets: Mapping[str, LabelledFramesData]) -> list[str]:
    """Return the element symbols in the order of the type numbers: as given, or those of the data, sorted.

    :raises ValueError: if the given one lacks an element of the data.
    """
    found = sorted({symbol for node in datasets.values() for symbol in node.base.attributes.get("species")})
    if parameters.type_map is None:
        return found
    missing = [symbol for symbol in found if symbol not in parameters.type_map]
    if missing:
        raise ValueError(f"type_map {list(parameters.type_map)} lacks {', '.join(missing)}, which the data hold")
    return list(parameters.type_map)


def choose_in_set(datasets: Mapping[str, LabelledFramesData], seed: int) -> dict[str, LabelledFrames]:
    """Return random frames of the training data, each as likely as any other, in the order of the datasets' names.

    :param seed: seed of the draw.
    """
    names = sorted(datasets)
    owners = np.repeat(np.arange(len(names)), [len(datasets[name]) for name in names])
    n_chosen = min(MAX_IN_SET_FRAMES, len(owners))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(owners))[:n_chosen])
    first = np.searchsorted(owners, np.arange(len(names)))
    return {
        name: datasets[name].get_frames().select(chosen[owners[chosen] == number] - first[number])
        for number, name in enumerate(names)
        if (owners[chosen] == number).any()
    }


class DeepmdTrainCalculation(CalcJob):
    """Trains a deep potential with DeePMD-kit (``--tf`` or ``--pt``), freezes it, and tests it on held-out frames.

    The in-set error over frames drawn from the training data is reported beside the held-out one.
    """

    INPUT = "input.json"
    CURVE = lcurve.FILE
    CHECKPOINT = deepmd_checkpoint.FILE
    FULL_INPUT = "out.json"
    MODEL = "model"
    COMPRESSED = "compressed"
    INITIAL = "initial"
    SYSTEMS = "test_systems.txt"
    DETAIL = "test"
    LOGS = {"train": "train.log", "freeze": "freeze.log", "compress": "compress.log", "test": "test.log"}
    DOUBLE = "double"
    """Folder of the same weights in double precision; names of what is kept of them begin so."""

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define the ports and exit codes."""
        super().define(spec)
        spec.input_namespace(
            "training",
            dynamic=True,
            valid_type=LabelledFramesData,
            help="Frames to train on, by name (energies in eV, forces in eV/Å); all of one level of theory.",
        )
        spec.input_namespace(
            "validation",
            dynamic=True,
            required=False,
            valid_type=LabelledFramesData,
            help="Held-out frames to test on, by name; never trained on.",
        )
        spec.input(
            "parameters",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=cls.validate_parameters,
            help="Parameters of the training: n_steps, and any other of `TrainingParameters` (lengths in Å).",
        )
        spec.input(
            "seed",
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Int(1),
            validator=cls.validate_seed,
            help="Seed (without unit) from which those of descriptor, fitting net and batches are derived.",
        )
        spec.input(
            "initial_model",
            valid_type=DeepPotentialData,
            required=False,
            help="Potential whose weights the training starts from; nets and cutoff (Å) must be the same.",
        )
        spec.input(
            "restart_folder",
            valid_type=orm.RemoteData,
            required=False,
            help="Folder of a training with the same inputs that was cut short, to go on from its last checkpoint.",
        )
        spec.input(
            "compress",
            valid_type=orm.Bool,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Bool(False),
            help="Tabulate the embedding nets of the frozen model: faster in LAMMPS, five to thirty times larger.",
        )
        spec.inputs.validator = cls.validate_inputs
        run_as_one_process(spec, "concerted.deepmd.train")
        spec.inputs["metadata"]["options"]["input_filename"].default = cls.INPUT
        cls.define_outputs(spec)
        cls.define_exit_codes(spec)

    @classmethod
    def define_outputs(cls, spec: CalcJobProcessSpec) -> None:
        """Define the outputs."""
        spec.output("model", valid_type=DeepPotentialData, required=False, help="The frozen potential (cutoff in Å).")
        spec.output(
            "learning_curve",
            valid_type=orm.ArrayData,
            required=False,
            help="Loss, errors (eV/atom, eV/Å) and learning rate over the training steps.",
        )
        spec.output(
            "results",
            valid_type=orm.Dict,
            required=False,
            help="Errors on held-out and in-set frames (eV/atom, eV/Å), and of nets in single or mixed precision "
            "against double; steps, times in s, version; of a training cut short the steps done and that of the last "
            "checkpoint.",
        )
        spec.output(
            "evaluation",
            valid_type=orm.ArrayData,
            required=False,
            help="Reference and predicted energies (eV/atom) and forces (eV/Å) of the held-out frames.",
        )
        spec.default_output_node = "results"

    @classmethod
    def define_exit_codes(cls, spec: CalcJobProcessSpec) -> None:
        """Define the exit codes."""
        spec.exit_code(
            310,
            "ERROR_NO_MODEL",
            message="No frozen model came back: {reason}. See train.log and freeze.log in `retrieved`.",
            invalidates_cache=True,
        )
        spec.exit_code(
            311,
            "ERROR_NO_LEARNING_CURVE",
            message="The learning curve cannot be read: {reason}. See train.log in `retrieved`.",
            invalidates_cache=True,
        )
        spec.exit_code(
            312,
            "ERROR_NO_EVALUATION",
            message="The test cannot be read: {reason}. See test.log in `retrieved`; the model is attached.",
            invalidates_cache=True,
        )
        spec.exit_code(
            410,
            "ERROR_TRAINING_STOPPED",
            message="The training stopped at step {step} of {n_steps}, its last checkpoint at {checkpoint}: go on from "
            "there with restart_folder, or allow more wall time.",
            invalidates_cache=True,
        )
        spec.exit_code(
            510,
            "ERROR_TRAINING_DIVERGED",
            message="The loss is not finite at step {step}: look for wrong labels, or lower start_learning_rate.",
        )

    @staticmethod
    def validate_parameters(value: orm.Dict, _: Any) -> str | None:
        """Return why parameters are refused."""
        try:
            training_parameters(value)
        except ValueError as error:
            return str(error)
        return None

    @staticmethod
    def validate_seed(value: orm.Int, _: Any) -> str | None:
        """Return why a seed is refused."""
        return None if value.value >= 0 else f"seed must not be negative, got {value.value}"

    @classmethod
    def validate_inputs(cls, inputs: Any, namespace: Any) -> str | None:
        """Return why inputs that are fine one by one do not go together."""
        if "training" not in namespace:  # a work chain that exposes this calculation sets it when it runs
            return None
        if not inputs.get("training"):
            return "training needs at least one dataset"
        datasets = {**inputs["training"], **{f"validation {k}": v for k, v in inputs.get("validation", {}).items()}}
        try:
            agreed_settings(datasets)
            parameters = training_parameters(inputs["parameters"])
            type_map = type_map_of(parameters, datasets)
            if parameters.sel != "auto" and len(parameters.sel) != len(type_map):
                raise ValueError(f"sel needs one number for each of {type_map}, got {list(parameters.sel)}")
            if "initial_model" in inputs:
                check_initial_model(inputs["initial_model"], parameters, type_map)
            if "restart_folder" in inputs:
                check_restart(inputs["restart_folder"], inputs.get("code"))
        except ValueError as error:
            return str(error)
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the data and ``input.json``; train, freeze, compress and test one after another."""
        parameters = training_parameters(self.inputs.parameters)
        validation = dict(self.inputs.get("validation", {}))
        type_map = type_map_of(parameters, {**self.inputs.training, **{f"v {k}": v for k, v in validation.items()}})
        data = {f"training/{name}": node.get_frames() for name, node in sorted(self.inputs.training.items())}
        held_out = {f"validation/{name}": node.get_frames() for name, node in sorted(validation.items())}
        in_set = choose_in_set(self.inputs.training, self.inputs.seed.value)
        tests = {**held_out, **{f"in_set/{name}": frames for name, frames in in_set.items()}}
        for path, frames in {**data, **tests}.items():
            write_deepmd_npy(Path(folder.abspath) / path, frames, type_map=type_map)
        content = build_training_input(
            self._with_initial_selection(parameters),
            type_map,
            list(data),
            seed=self.inputs.seed.value,
            validation_systems=list(held_out),
        )
        with folder.open(self.INPUT, "w") as handle:
            json.dump(content, handle, indent=1)
        if self.has_twin(parameters):
            # A folder of its own: the checkpoints of the training are those that it goes on from after a kill.
            with folder.get_subfolder(self.DOUBLE, create=True).open(self.INPUT, "w") as handle:
                json.dump(double_precision_twin(content, self.DOUBLE), handle, indent=1)
        with folder.open(self.SYSTEMS, "w") as handle:
            handle.write("".join(f"{path}\n" for path in tests))
        if "initial_model" in self.inputs:
            copy_potential(self.inputs.initial_model, folder, self.file(self.INITIAL, parameters.backend))
        info = self._calc_info(parameters)
        if "restart_folder" in self.inputs:
            self._go_on(folder, info)
        return info

    @staticmethod
    def file(stem: str, backend: str) -> str:
        """Return the name of a model's file, by whose ending DeePMD-kit knows the back end."""
        return f"{stem}{DeepPotentialData.SUFFIXES[backend]}"

    @staticmethod
    def has_twin(parameters: TrainingParameters) -> bool:
        """Return whether the same weights are tested in double precision, too, to tell what the precision costs."""
        return parameters.precision not in DOUBLE_PRECISION and parameters.backend == "tensorflow"

    def _go_on(self, folder: Folder, info: CalcInfo) -> None:
        """Take over the checkpoint of an earlier training and its learning curve, which the program appends to."""
        remote = self.inputs.restart_folder
        checkpoint = checkpoint_of(remote)
        if checkpoint is not None:
            with folder.open(self.CURVE, "w") as handle:
                handle.write(checkpoint.curve)
        place = Path(remote.get_remote_path())
        names = (f"{deepmd_checkpoint.PREFIX}*", self.CHECKPOINT)
        info.remote_copy_list = [(remote.computer.uuid, str(place / name), ".") for name in names]

    def _with_initial_selection(self, parameters: TrainingParameters) -> TrainingParameters:
        """Return the parameters with the neighbour numbers of the initial model, whose tensors they size."""
        if "initial_model" not in self.inputs or parameters.sel != "auto":
            return parameters
        sel = self.inputs.initial_model.base.attributes.get("sel")
        return TrainingParameters(**{**vars(parameters), "sel": tuple(sel)})

    def _calc_info(self, parameters: TrainingParameters) -> CalcInfo:
        backend = parameters.backend
        model, compressed = self.file(self.MODEL, backend), self.file(self.COMPRESSED, backend)
        kept = compressed if self.inputs.compress.value else model
        commands = {
            "train": ["train", self.INPUT, *self._beginning(backend)],
            "freeze": ["freeze", "-o", model],
            "compress": ["compress", "-i", model, "-o", compressed],
            "test": ["test", "-m", kept, "-f", self.SYSTEMS, "-n", "0", "-d", self.DETAIL],
        }
        if not self.inputs.compress.value:
            del commands["compress"]
        details = [self.DETAIL]
        if self.has_twin(parameters):
            commands |= self._twin_commands(model, backend)
            details.append(self.DOUBLE)
        info = CalcInfo()
        info.codes_info = [
            dp_command(self.inputs.code, backend, words, self.LOGS.get(step, f"{step}.log"))
            for step, words in commands.items()
        ]
        info.codes_run_mode = CodeRunMode.SERIAL
        info.provenance_exclude_list = ["training", "validation", "in_set", self.file(self.INITIAL, backend)]
        logs = [self.LOGS.get(step, f"{step}.log") for step in commands]
        info.retrieve_list = [self.CURVE, self.CHECKPOINT, self.FULL_INPUT, *logs]
        info.retrieve_temporary_list = [kept, *(f"{detail}.{part}.out" for detail in details for part in "ef")]
        return info

    def _twin_commands(self, model: str, backend: str) -> dict[str, list[str]]:
        """Return the commands that test the weights of the frozen model in double precision."""
        folder, twin = self.DOUBLE, f"{self.DOUBLE}/{self.file(self.MODEL, backend)}"
        given, full = f"{folder}/{self.INPUT}", f"{folder}/{self.FULL_INPUT}"
        return {
            f"{folder}_train": ["train", given, "-o", full, "--init-frz-model", model],
            f"{folder}_freeze": ["freeze", "-c", folder, "-o", twin],
            f"{folder}_test": ["test", "-m", twin, "-f", self.SYSTEMS, "-n", "0", "-d", folder],
        }

    def _beginning(self, backend: str) -> list[str]:
        """Return the options that say where the training begins; a checkpoint goes before an initial model."""
        if "restart_folder" in self.inputs:
            return ["--restart", deepmd_checkpoint.RESTART[backend]]
        if "initial_model" in self.inputs:
            return ["--init-frz-model", self.file(self.INITIAL, backend)]
        return []


def check_restart(folder: orm.RemoteData, code: orm.AbstractCode | None) -> None:
    """Raise if a training cannot go on from a folder.

    :raises ValueError: if it holds no checkpoint, or lies on another computer.
    """
    if checkpoint_of(folder) is None:
        raise ValueError(f"restart_folder <{folder.pk}> holds no checkpoint of a training: begin without it")
    if isinstance(code, orm.InstalledCode) and code.computer.uuid != folder.computer.uuid:
        raise ValueError(
            f"restart_folder lies on {folder.computer.label}, the code on {code.computer.label}: take a code there"
        )


def check_initial_model(model: DeepPotentialData, parameters: TrainingParameters, type_map: list[str]) -> None:
    """Raise if a training cannot start from a potential.

    :raises ValueError: if type map or cutoff differ, the number of neighbours is neither known nor given, or the model
        is compressed: tables hold no weights.
    """
    if model.base.attributes.get("compressed"):
        raise ValueError("the initial model is compressed and holds no weights: start from one that is not")
    if model.program != parameters.backend:
        raise ValueError(f"the initial model is one of {model.program}, the training's backend {parameters.backend}")
    if model.type_map != type_map:
        raise ValueError(f"the initial model has the type map {model.type_map}, the training {type_map}: set type_map")
    if abs(model.cutoff_A - parameters.cutoff_A) > 1e-9:
        raise ValueError(f"the initial model sees {model.cutoff_A} Å far, the training {parameters.cutoff_A} Å")
    known = model.base.attributes.get("sel", None)
    if parameters.sel == "auto" and known is None:
        raise ValueError("the initial model does not say its sel: give the list it was trained with")
    if parameters.sel != "auto" and known is not None and list(parameters.sel) != list(known):
        raise ValueError(f"the initial model has the sel {list(known)}, the training {list(parameters.sel)}")
