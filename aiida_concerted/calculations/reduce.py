"""The analysis of a run where its frames lie."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob, CalcJobProcessSpec

from aiida_concerted.analysis.effort import EffortTarget
from aiida_concerted.calculations.analysis_parameters import analysis_parameters
from aiida_concerted.calculations.frame_jobs import define_failures
from aiida_concerted.calculations.jobs import run_as_one_process
from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.calculations.lammps_restart import restart_point
from aiida_concerted.calculations.lammps_run import md_parameters
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.data.conversion import arrays_of_structure
from aiida_concerted.data.results import DiffusivityData, ModeFrequenciesData, SiteStatisticsData
from aiida_concerted.data.sites import SiteHistoryData, SiteNetworkData
from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.reduction.portable import ARRAYS, RESULTS
from aiida_concerted.reduction.request import FOLDER, ReduceRequest, RunDescription, Segment

REMOTE = (orm.RemoteData, orm.RemoteStashFolderData, orm.RemoteStashCompressedData)
"""Nodes of folders and archives on the computer that made a run."""


def segment_of(source: orm.Data) -> Segment:
    """Return the segment that lies in a folder or an archive, its digests not known yet.

    :param source: one of :data:`REMOTE`, made by ``concerted.lammps.md``.
    """
    creator = source.creator
    start = restart_point(creator.inputs.restart).step if "restart" in creator.inputs else None
    if isinstance(source, orm.RemoteData):
        return Segment(source.get_remote_path(), FOLDER, start)
    kind = FOLDER if isinstance(source, orm.RemoteStashFolderData) else source.stash_mode.value
    return Segment(source.target_basepath, kind, start)


def run_of(calculation: orm.CalcJobNode) -> RunDescription:
    """Return how the files of a calculation of molecular dynamics are read."""
    cell, _, species = arrays_of_structure(calculation.inputs.structure)
    return RunDescription(species, cell, md_parameters(calculation.inputs.parameters))


def in_order(segments: Mapping[str, orm.Data] | None) -> list[orm.Data]:
    """Return segments in the order of their names."""
    segments = segments or {}
    return [segments[name] for name in sorted(segments)]


class ReduceCalculation(CalcJob):
    """Analyses a run where its frames lie, and brings home the results alone.

    The kernels are those of the calcfunctions, and the nodes are the same to the last digit. Segments that are given by
    their folders or archives are read for the first time: they are joined, and a node of the whole run keeps the
    SHA-256 of every file. A run that has such a node is verified by it before anything is read.
    """

    REQUEST = "request.json"
    LOG = "reduce.log"

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define the ports and exit codes."""
        super().define(spec)
        spec.input_namespace(
            "segments", dynamic=True, valid_type=REMOTE, required=False,
            help="Folders or stashes that `concerted.lammps.md` left, by names in the order of the segments of a run.",
        )  # fmt: skip
        spec.input(
            "trajectory", valid_type=StashedTrajectoryData, required=False,
            help="The run, or what comes before `segments`.",
        )  # fmt: skip
        spec.input(
            "parameters", valid_type=orm.Dict, required=False, serializer=orm.to_aiida_type,
            validator=cls.validate_parameters,
            help="Parameters of the analysis, see `AnalysisParameters`; without them the run is only described.",
        )  # fmt: skip
        spec.input(
            "structure", valid_type=orm.StructureData, required=False,
            help="Crystal (Å) that the run began from, atoms in the run's order; it fixes the origin of the sites.",
        )  # fmt: skip
        spec.input(
            "sites", valid_type=SiteNetworkData, required=False, help="Site model (Å); without it no sites or modes."
        )
        spec.input(
            "target", valid_type=orm.Dict, required=False, serializer=orm.to_aiida_type, validator=cls.validate_target,
            help="What is to be known how well, see `EffortTarget`; without it the run is not judged.",
        )  # fmt: skip
        spec.inputs.validator = cls.validate_inputs
        run_as_one_process(spec, "concerted.reduce")
        cls.define_outputs(spec)
        cls.define_exit_codes(spec)

    @classmethod
    def define_outputs(cls, spec: CalcJobProcessSpec) -> None:
        """Define the outputs."""
        for label, kind, text in (
            ("trajectory", StashedTrajectoryData, "The whole run, where its frames stay, where `segments` are given."),
            ("diffusivity", DiffusivityData, "Diffusivity in m²/s."),
            ("site_history", SiteHistoryData, "Site of every carrier over the run (ps)."),
            ("site_statistics", SiteStatisticsData, "Occupancies and residence times in ps."),
            ("modes", ModeFrequenciesData, "Concerted modes: counts and frequencies in 1/s."),
            ("judgement", orm.Dict, "How well the run knows what `target` asks for."),
            ("results", orm.Dict, "Frames, length in ps, version of the software there, and why a result is missing."),
        ):
            spec.output(label, valid_type=kind, required=False, help=text)
        spec.default_output_node = "results"

    @classmethod
    def define_exit_codes(cls, spec: CalcJobProcessSpec) -> None:
        """Define the exit codes."""
        define_failures(
            spec, cls.LOG,
            missing="Put it back, or make the run again; results that were made before stay as they are.",
            changed="Put back the file that was stashed, or give the segments anew if the change is meant.",
        )  # fmt: skip
        spec.exit_code(410, "WARNING_RESULTS_REFUSED", message="The run was read, and gave less than asked: {reasons}")

    @staticmethod
    def validate_parameters(value: orm.Dict | None, _: Any) -> str | None:
        """Return why parameters are refused."""
        try:
            _ = None if value is None else analysis_parameters(value)
        except ValueError as error:
            return str(error)
        return None

    @staticmethod
    def validate_target(value: orm.Dict | None, _: Any) -> str | None:
        """Return why a target is refused."""
        try:
            _ = None if value is None else from_mapping(EffortTarget, value.get_dict(), "target")
        except ValueError as error:
            return str(error)
        return None

    @classmethod
    def validate_inputs(cls, value: Any, ctx: Any) -> str | None:
        """Return why inputs that are fine one by one do not go together."""
        if any(name not in ctx for name in ("segments", "trajectory")):
            return None  # a work chain that exposes this calculation sets them when it runs
        sources, known = in_order(value.get("segments")), value.get("trajectory")
        if not sources and known is None:
            return "needs segments, or a trajectory that is stashed"
        code = value.get("code")
        for source in [*sources, *([] if known is None else [known])]:
            computer = source.computer
            if code is not None and code.computer is not None and code.computer.uuid != computer.uuid:
                return (
                    f"<{source.pk}> lies on {computer.label}, where the code {code.full_label} does not run: "
                    f"set up a code on {computer.label}"
                )
        for source in sources:
            if getattr(source.creator, "process_type", None) != LammpsMdCalculation.build_process_type():
                return f"segments: <{source.pk}> was not left by concerted.lammps.md"
        if "parameters" not in value and any(name in value for name in ("sites", "target")):
            return "sites and target need parameters"
        return None

    def request(self) -> ReduceRequest:
        """Return what the other machine is asked for."""
        inputs = self.inputs
        sources, known = in_order(inputs.get("segments")), inputs.get("trajectory")
        run = run_of(sources[-1].creator) if sources else known.get_run()
        earlier = [] if known is None else known.get_segments()
        target, structure = inputs.get("target"), inputs.get("structure")
        return ReduceRequest(
            run,
            (*earlier, *(segment_of(source) for source in sources)),
            analysis=analysis_parameters(inputs.parameters) if "parameters" in inputs else None,
            crystal=None if structure is None else arrays_of_structure(structure)[1],
            network=inputs.sites.get_network() if "sites" in inputs else None,
            target=None if target is None else from_mapping(EffortTarget, target.get_dict(), "target"),
        )

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the request."""
        with folder.open(self.REQUEST, "w", encoding="utf8") as handle:
            json.dump(self.request().as_dict(), handle, allow_nan=False)
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = [*command_of(self.inputs.code), "reduce", self.REQUEST]
        code.stdout_name = self.LOG
        code.join_files = True
        info = CalcInfo()
        info.codes_info = [code]
        info.retrieve_list = [self.LOG]
        info.retrieve_temporary_list = [RESULTS, ARRAYS]
        return info


def command_of(code: orm.AbstractCode) -> list[str]:
    """Return what comes between the executable and the name of the command: an interpreter has to be told the package.

    :param code: ``aiida-concerted``, or a Python in whose environment it is installed.
    """
    name = PurePosixPath(str(code.get_executable())).name
    return ["-m", "aiida_concerted"] if name.startswith("python") else []
