"""Frames to label picked where the explorations lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec

from aiida_concerted.calculations.frame_jobs import define_failures
from aiida_concerted.calculations.functions.select_candidates import columns_of
from aiida_concerted.calculations.jobs import run_as_one_process
from aiida_concerted.calculations.reduce import command_of
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.learning.explored import OF_THE_TURN
from aiida_concerted.learning.settings import SelectionSettings
from aiida_concerted.reduction.picking import DEVIATIONS, FRAMES, PICKED, PickRequest


class PickCalculation(CalcJob):
    """Picks the frames to label where the explorations lie, and brings home these frames alone.

    The kernel is that of `select_candidate_structures`, and so are the frames. Runs whose frames are here are sent
    along.
    """

    LOG = "pick.log"

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define the ports and exit codes."""
        super().define(spec)
        spec.input(
            "parameters", valid_type=orm.Dict, serializer=orm.to_aiida_type, validator=cls.validate_parameters,
            help="Settings of the selection (eV/Å), see `SelectionSettings`, with `seed`, and what the exploration "
            "knows of its runs.",
        )  # fmt: skip
        spec.input_namespace(
            "trajectories", dynamic=True, valid_type=(StashedTrajectoryData, MolecularDynamicsData),
            help="The explorations by name (Å), at least one where its frames stay.",
        )  # fmt: skip
        spec.input_namespace(
            "deviations", dynamic=True, valid_type=orm.ArrayData,
            help="Deviation of the committee over each of them in eV/Å, by the same names.",
        )  # fmt: skip
        spec.inputs.validator = cls.validate_inputs
        run_as_one_process(spec, "concerted.pick")
        spec.output_namespace(
            "candidates", dynamic=True, required=False, valid_type=orm.StructureData,
            help="Structures to label (Å), by the name of the run and the number of the frame.",
        )  # fmt: skip
        spec.output(
            "statistics", valid_type=orm.Dict, required=False,
            help="Accurate, candidate and failed frames of each run, and what decided the choice; eV/Å.",
        )  # fmt: skip
        spec.default_output_node = "statistics"
        define_failures(
            spec, cls.LOG, missing="Put it back, or make the exploration again.",
            changed="Put back the file that was stashed.",
        )  # fmt: skip

    @staticmethod
    def validate_parameters(value: orm.Dict, _: Any) -> str | None:
        """Return why parameters are refused."""
        given = value.get_dict()
        if not isinstance(given.get("seed"), int):
            return "needs the seed of the choice, a whole number"
        try:
            from_mapping(SelectionSettings, {k: v for k, v in given.items() if k not in OF_THE_TURN}, "selection")
        except (TypeError, ValueError) as error:
            return str(error)
        return None

    @classmethod
    def validate_inputs(cls, value: Any, ctx: Any) -> str | None:
        """Return why inputs that are fine one by one do not go together."""
        if any(name not in ctx for name in ("trajectories", "deviations")):
            return None
        runs, deviations = dict(value.get("trajectories") or {}), dict(value.get("deviations") or {})
        if not runs or set(runs) != set(deviations):
            return "trajectories and deviations need the same names, one at least"
        code = value.get("code")
        for name, node in runs.items():
            if (
                isinstance(node, StashedTrajectoryData)
                and code is not None
                and code.computer.uuid != node.computer.uuid
            ):
                return (
                    f"the frames of '{name}' lie on {node.computer.label}, where the code {code.full_label} does not "
                    f"run: set up a code on {node.computer.label}"
                )
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the request, and send along the frames that are here."""
        runs = dict(sorted(self.inputs.trajectories.items()))
        here = {name: node for name, node in runs.items() if isinstance(node, MolecularDynamicsData)}
        files = {name: f"run_{number:04d}.h5" for number, name in enumerate(here)}
        PickRequest(
            self.inputs.parameters.get_dict(),
            {name: (node.get_run(), node.get_segments()) for name, node in runs.items() if name not in here},
            files,
            {name: columns_of(node) for name, node in self.inputs.deviations.items()},
        ).write(Path(folder.abspath))
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = [*command_of(self.inputs.code), "pick"]
        code.stdout_name = self.LOG
        code.join_files = True
        info = CalcInfo()
        info.codes_info = [code]
        info.local_copy_list = [(node.uuid, node.FILENAME, files[name]) for name, node in here.items()]
        info.provenance_exclude_list = [DEVIATIONS, *files.values()]
        info.retrieve_list = [self.LOG]
        info.retrieve_temporary_list = [PICKED, FRAMES]
        return info
