"""What a committee of deep potentials says of labelled frames, in one job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo, CodeRunMode
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec

from aiida_concerted.calculations.jobs import copy_potential, dp_command, run_as_one_process
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.formats.deepmd_npy import write_deepmd_npy


class DeepmdEvaluateCalculation(CalcJob):
    """Gives energies and forces of each member of a committee on labelled frames, and how far the members disagree.

    The deviation is that of ``dp model-devi``, the same that LAMMPS writes while a committee runs; energies and forces
    are those of ``dp test``. Everything runs in one job, one command after another.
    """

    FRAMES = "frames"
    SYSTEMS = "systems.txt"
    DEVIATION = "model_devi.out"
    DEVIATION_LOG = "model_devi.log"

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define the ports and exit codes."""
        super().define(spec)
        spec.input_namespace(
            "models",
            dynamic=True,
            valid_type=DeepPotentialData,
            help="Potentials by name, of one type map and cutoff (Å); a deviation needs two at least.",
        )
        spec.input_namespace(
            "frames",
            dynamic=True,
            valid_type=LabelledFramesData,
            help="Frames to evaluate, by name (cells and positions in Å, energies in eV, forces in eV/Å).",
        )
        spec.input(
            "predict",
            valid_type=orm.Bool,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Bool(True),
            help="Whether to keep energies and forces of each member; the deviation alone is much quicker.",
        )
        spec.inputs.validator = cls.validate_inputs
        run_as_one_process(spec, "concerted.deepmd.evaluate")
        cls.define_outputs(spec)
        spec.exit_code(
            310,
            "ERROR_NO_DEVIATION",
            message="The deviations cannot be read: {reason}. See model_devi.log in `retrieved`.",
            invalidates_cache=True,
        )
        spec.exit_code(
            311,
            "ERROR_NO_EVALUATION",
            message="The predictions of {model} cannot be read: {reason}. See its log in `retrieved`.",
            invalidates_cache=True,
        )

    @classmethod
    def define_outputs(cls, spec: CalcJobProcessSpec) -> None:
        """Define the outputs."""
        spec.output_namespace(
            "deviations",
            dynamic=True,
            valid_type=orm.ArrayData,
            help="Deviation at each frame, by the frames' names: forces in eV/Å, virial in eV by atom.",
        )
        spec.output_namespace(
            "predictions",
            dynamic=True,
            valid_type=orm.ArrayData,
            help="By the frames' names: energies_eV (model, frame), forces_eV_A (model, frame, atom, axis); models in "
            "alphabetical order.",
        )
        spec.output(
            "results",
            valid_type=orm.Dict,
            required=False,
            help="Errors of each model by the frames' names and of all together, and the largest deviation; "
            "eV/atom, eV/Å.",
        )
        spec.default_output_node = "results"

    @classmethod
    def validate_inputs(cls, inputs: Any, namespace: Any) -> str | None:
        """Return why models and frames do not go together."""
        if any(name not in namespace for name in ("models", "frames")):
            return None  # a work chain that exposes this calculation sets them when it runs
        models, frames = inputs.get("models") or {}, inputs.get("frames") or {}
        if not models or not frames:
            return "models and frames need one entry each at least"
        if len(models) < 2 and not inputs["predict"].value:
            return "a deviation needs two models at least, got 1: set predict, or give more"
        first, *others = models.values()
        for model in others:
            if (model.type_map, model.cutoff_A, model.program) != (first.type_map, first.cutoff_A, first.program):
                return "the models of a committee must have the same type_map, cutoff_A and backend"
        for name, node in frames.items():
            if missing := sorted(set(node.base.attributes.get("species")) - set(first.type_map)):
                return f"the models know {', '.join(first.type_map)}, not {', '.join(missing)} of the frames '{name}'"
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write frames and potentials; compare the models, then test one after another."""
        names = sorted(self.inputs.models)
        files = {name: f"{name}{self.inputs.models[name].suffix}" for name in names}
        for name, file in files.items():
            copy_potential(self.inputs.models[name], folder, file)
        type_map = self.inputs.models[names[0]].type_map
        systems = [f"{self.FRAMES}/{name}" for name in sorted(self.inputs.frames)]
        for system in systems:
            frames = self.inputs.frames[system.removeprefix(f"{self.FRAMES}/")].get_frames()
            write_deepmd_npy(Path(folder.abspath) / system, frames, type_map=type_map)
        with folder.open(self.SYSTEMS, "w") as handle:
            handle.write("".join(f"{system}\n" for system in systems))
        info = self._calc_info(files)
        info.provenance_exclude_list = [self.FRAMES, *files.values()]
        return info

    def _calc_info(self, files: dict[str, str]) -> CalcInfo:
        info = CalcInfo()
        info.codes_info, info.retrieve_list, info.retrieve_temporary_list = [], [], []
        if len(files) > 1:
            words = ["model-devi", "-m", *files.values(), "-s", self.FRAMES, "-o", self.DEVIATION]
            info.codes_info.append(self._code_info(words, self.DEVIATION_LOG))
            info.retrieve_list.append(self.DEVIATION_LOG)
            info.retrieve_temporary_list.append(self.DEVIATION)
        for name, file in files.items() if self.inputs.predict.value else ():
            words = ["test", "-m", file, "-f", self.SYSTEMS, "-n", "0", "-d", name]
            info.codes_info.append(self._code_info(words, f"{name}.log"))
            info.retrieve_list.append(f"{name}.log")
            info.retrieve_temporary_list += [f"{name}.e.out", f"{name}.f.out"]
        info.codes_run_mode = CodeRunMode.SERIAL
        return info

    def _code_info(self, words: list[str], log: str) -> CodeInfo:
        program = next(iter(self.inputs.models.values())).program
        return dp_command(self.inputs.code, program, words, log)
