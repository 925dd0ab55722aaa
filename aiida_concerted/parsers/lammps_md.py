"""What a LAMMPS run with deep potentials left."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser
from numpy.typing import NDArray

from aiida_concerted.calculations.lammps_parameters import steps_of
from aiida_concerted.common.units import FS_IN_PS
from aiida_concerted.data.conversion import arrays_of_structure
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.formats.dcd import open_dcd
from aiida_concerted.formats.h5md import H5mdHeader, H5mdWriter
from aiida_concerted.formats.lammps_data import lammps_orientation
from aiida_concerted.formats.lammps_input import (
    CARRIERS_FILE,
    DEVIATION_FILE,
    DRIFT_FILE,
    FRAMEWORK_FILE,
    LOG_FILE,
    read_drift,
)
from aiida_concerted.formats.lammps_log import LammpsLog, read_lammps_log
from aiida_concerted.formats.model_deviation import read_model_deviation

CHUNK = 1000
THERMO = {
    "Temp": "temperature_K",
    "PotEng": "potential_energy_eV",
    "KinEng": "kinetic_energy_eV",
    "TotEng": "total_energy_eV",
    "Press": "pressure_bar",
}
DEVIATIONS = {
    "max_devi_f": "max_devi_f_eV_A",
    "min_devi_f": "min_devi_f_eV_A",
    "avg_devi_f": "avg_devi_f_eV_A",
    "max_devi_v": "max_devi_v_eV",
    "min_devi_v": "min_devi_v_eV",
    "avg_devi_v": "avg_devi_v_eV",
}


class LammpsMdParser(Parser):
    """Reads the log, the trajectory and the deviations, of a run that ended as of one that was killed."""

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Attach what is sound, then say how the run ended."""
        if LOG_FILE not in self.retrieved.base.repository.list_object_names():
            return self._without_log()
        log = read_lammps_log(self.retrieved.base.repository.get_object_content(LOG_FILE, mode="r").splitlines())
        self.settings = self.node.inputs.parameters.get_dict()
        self.steps = steps_of(self.settings, len(self.node.inputs.models))
        folder = Path(kwargs["retrieved_temporary_folder"])
        table = log.table()
        n_frames = self._attach_trajectory(folder)
        self._attach_deviation(folder, n_frames)
        self._attach_thermo(table)
        recorded = max(0, (n_frames - 1) * self.steps.frame)
        self.out("results", orm.Dict(self._summary(log, table, recorded)))
        return self._verdict(log, table, recorded)

    def _without_log(self) -> ExitCode:
        name = self.node.get_option("output_filename")
        if name in self.retrieved.base.repository.list_object_names():
            output = self.retrieved.base.repository.get_object_content(name, mode="r")
            errors = [line for line in output.splitlines() if line.startswith("ERROR")]
            if errors:
                return self._error(errors[0])
        return self.exit_codes.ERROR_OUTPUT_MISSING

    def _error(self, line: str) -> ExitCode:
        if "deepmd" in line and "nrecognized pair style" in line:
            return self.exit_codes.ERROR_NO_DEEPMD
        if "lost atoms" in line.lower():
            return self.exit_codes.ERROR_LOST_ATOMS
        return self.exit_codes.ERROR_LAMMPS.format(error=line.removeprefix("ERROR: "))

    def _header(self) -> tuple[H5mdHeader, NDArray[np.float64]]:
        cell, _, species = arrays_of_structure(self.node.inputs.structure)
        symbols = np.array(species)
        carrier = self.settings["carrier"]
        framework_ids = np.flatnonzero(symbols != carrier)
        header = H5mdHeader(
            carrier=carrier,
            carrier_ids=np.flatnonzero(symbols == carrier),
            framework_species=tuple(symbols[framework_ids].tolist()),
            framework_ids=framework_ids,
            cell=cell,
            frame_interval_ps=self.steps.frame * self.settings["timestep_fs"] * FS_IN_PS,
            framework_stride=self.steps.framework_stride,
            step_interval=self.steps.frame,
            temperature_K=float(self.settings["temperature_K"]),
        )
        return header, lammps_orientation(cell)[1]

    def _attach_trajectory(self, folder: Path) -> int:
        """Attach the recorded frames and return how many there are."""
        if not (folder / CARRIERS_FILE).exists():
            return 0
        header, rotation = self._header()
        try:
            n_frames = self._count_frames(folder, bool(header.framework_species))
        except ValueError as error:
            self.logger.warning("no frames were read: %s", error)
            return 0
        if n_frames < 2:
            return n_frames
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / MolecularDynamicsData.FILENAME
            self._convert(folder, path, header, rotation, n_frames)
            model = self.node.inputs.models[min(self.node.inputs.models)]
            node = MolecularDynamicsData(
                path,
                level_of_theory=model.level_of_theory,
                material=model.base.attributes.get("material", None),
                seed=self.settings["seed"],
                potential_sha256=model.sha256,
            )
        self.out("trajectory", node)
        return n_frames

    def _count_frames(self, folder: Path, has_framework: bool) -> int:
        n_frames = open_dcd(folder / CARRIERS_FILE).n_frames
        if has_framework:
            stored = open_dcd(folder / FRAMEWORK_FILE).n_frames
            n_frames = min(n_frames, stored * self.steps.framework_stride, len(self._drift(folder)))
        return n_frames

    def _drift(self, folder: Path) -> NDArray[np.float64]:
        """Return the framework's mean position at every frame from the first recorded one on, without gaps."""
        rows = read_drift((folder / DRIFT_FILE).read_text(encoding="utf-8").splitlines())
        means = []
        step = self.steps.first_recorded
        while step in rows:
            means.append(rows[step])
            step += self.steps.frame
        return np.array(means, dtype=np.float64).reshape(-1, 3)

    def _convert(
        self, folder: Path, path: Path, header: H5mdHeader, rotation: NDArray[np.float64], n_frames: int
    ) -> None:
        carriers = open_dcd(folder / CARRIERS_FILE)
        drift = None
        if header.framework_species:
            means = self._drift(folder)[:n_frames]
            drift = (means - means[0]) @ rotation.T
        with H5mdWriter(path, header) as writer:
            for start in range(0, n_frames, CHUNK):
                stop = min(start + CHUNK, n_frames)
                moved = None if drift is None else drift[start:stop]
                writer.append(carriers.positions(start, stop) @ rotation.T, moved)
            if header.framework_species:
                framework = open_dcd(folder / FRAMEWORK_FILE)
                n_stored = -(-n_frames // header.framework_stride)
                for start in range(0, n_stored, CHUNK):
                    stop = min(start + CHUNK, n_stored)
                    writer.append_framework(framework.positions(start, stop) @ rotation.T)

    def _attach_deviation(self, folder: Path, n_frames: int) -> None:
        path = folder / DEVIATION_FILE
        if not path.exists() or not n_frames:
            return
        table = read_model_deviation(path.read_text(encoding="utf-8").splitlines())
        frame = (table.pop("step") - self.steps.first_recorded) / self.steps.frame
        kept = (frame >= 0) & (frame < n_frames) & (frame == np.round(frame))
        if not kept.any():
            return
        node = orm.ArrayData()
        node.set_array("frame", frame[kept].astype(np.int64))
        for name, label in DEVIATIONS.items():
            node.set_array(label, table[name][kept])
        self.out("model_deviation", node)

    def _attach_thermo(self, table: dict[str, NDArray[np.float64]]) -> None:
        if not table or not len(table["Step"]):
            return
        node = orm.ArrayData()
        since_first = table["Step"] - self.steps.first_recorded
        node.set_array("time_ps", since_first * self.settings["timestep_fs"] * FS_IN_PS)
        for name, label in THERMO.items():
            node.set_array(label, table[name])
        self.out("thermo", node)

    def _summary(self, log: LammpsLog, table: dict[str, NDArray[np.float64]], recorded: int) -> dict[str, Any]:
        summary: dict[str, Any] = {
            "recorded_steps": recorded,
            "requested_steps": self.steps.produce,
            "warnings": len(log.warnings),
            "ended": "finished" if log.finished and not log.halted else "early",
        }
        if log.steps_per_second is not None:
            summary["steps_per_second"] = log.steps_per_second
        if table:
            produced = table["Temp"][table["Step"] >= self.steps.first_recorded]
            if len(produced) and np.isfinite(produced).all():
                summary["mean_temperature_K"] = float(produced.mean())
        return summary

    def _verdict(self, log: LammpsLog, table: dict[str, NDArray[np.float64]], recorded: int) -> ExitCode | None:
        if log.errors:
            return self._error(log.errors[0])
        if table and not np.isfinite(table["PotEng"]).all():
            first = int(table["Step"][~np.isfinite(table["PotEng"])][0])
            return self.exit_codes.ERROR_NOT_A_NUMBER.format(step=first)
        if log.halted:
            return self.exit_codes.ERROR_RUNAWAY.format(step=int(table["Step"][-1]))
        if recorded >= self.steps.produce:
            return None
        code = self.exit_codes.ERROR_WALLTIME if log.timed_out else self.exit_codes.ERROR_INTERRUPTED
        return code.format(steps=recorded, total=self.steps.produce)
