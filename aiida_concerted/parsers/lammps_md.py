"""What a molecular-dynamics run left behind, as nodes."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser
from numpy.typing import NDArray

from aiida_concerted.calculations.lammps_restart import restart_node, restart_point
from aiida_concerted.calculations.lammps_run import (
    md_parameters,
    run_context,
    stays_there,
)
from aiida_concerted.data.conversion import arrays_of_structure, structure_of_arrays
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.formats import lammps_guards, lammps_input
from aiida_concerted.formats.lammps_data import lammps_axes
from aiida_concerted.formats.lammps_dump import iterate_lammps_dump
from aiida_concerted.formats.lammps_frames import FrameCount, count_frames, newest_restart, open_frames, write_run_h5md
from aiida_concerted.formats.lammps_log import LammpsLog, production_averages, read_lammps_log
from aiida_concerted.formats.lammps_restart import restart_step
from aiida_concerted.formats.md_parameters import MdParameters
from aiida_concerted.formats.model_deviation import first_long_excess, last_excess, read_model_deviation

THERMO = {
    "Step": "step",
    "Temp": "temperature_K",
    "PotEng": "potential_energy_eV",
    "TotEng": "total_energy_eV",
    "Econserve": "conserved_energy_eV",
    "Press": "pressure_bar",
}
"""LAMMPS' names of the thermodynamic columns and ours."""

FAILURES = (
    (r"Unrecognized pair style 'deepmd'|Unknown pair style", "ERROR_PAIR_STYLE_MISSING"),
    (r"Lost atoms", "ERROR_ATOMS_LOST"),
    (rf"Fix halt condition for fix-id {lammps_guards.MELTED}\b", "ERROR_FRAMEWORK_MELTED"),
    (rf"Fix halt condition for fix-id {lammps_guards.ADRIFT}\b", "ERROR_TEMPERATURE_ADRIFT"),
    (r"Fix halt condition|Neighbor list overflow|Out of range atoms", "ERROR_EXPLODED"),
    (r"Non-numeric|[Nn]ot a number", "ERROR_NOT_FINITE"),
)
"""What LAMMPS says, and the exit code that says what it means here."""

OUT_OF_MEMORY = re.compile(
    r"^.*(?:bad_alloc|out[ -]of[ -]memory|oom[-_ ]kill|Failed to (?:re)?allocate|OOM when allocating).*$", re.I | re.M
)
"""Lines of LAMMPS, TensorFlow, PyTorch, CUDA, the kernel and schedulers when memory is short."""

BREAKDOWNS = ("ERROR_ATOMS_LOST", "ERROR_EXPLODED", "ERROR_NOT_FINITE")

BAD_START_STEPS = 20
"""Steps within which only the structure can be to blame: the fastest atoms move a tenth of an ångström in them."""

MAX_JUMP_EV, MAX_JUMP_EV_PER_ATOM = 0.5, 0.001
"""Change of the conserved energy between two rows, in eV and eV an atom, up to which a run is sound."""


class LammpsMdParser(Parser):
    """Reads log, frames and deviations of a :class:`LammpsMdCalculation`, as far as they go."""

    def parse(self, retrieved_temporary_folder: str, **_: Any) -> ExitCode | None:
        """Attach the outputs that are sound, and return what went wrong."""
        text = self.kept_text(self.kept_file(lammps_input.LOG))
        if text is None:
            return self.exit_codes.ERROR_OUTFILE_MISSING
        try:
            log = read_lammps_log(text)
        except ValueError as error:
            self.logger.error(str(error))
            return self.exit_codes.ERROR_PARSING_OUTFILE
        self.parameters = md_parameters(self.run["parameters"])
        self.start = restart_point(self.run["restart"]) if "restart" in self.run else None
        self.first_frame_step = self.parameters.first_frame_step(self.start)
        folder = Path(retrieved_temporary_folder)
        frames, reason = self._attach_trajectory(folder)
        self._attach_deviation(folder, frames)
        self._attach_thermo(log)
        self._attach_structure(folder)
        self._attach_restart(folder, log, frames)
        exit_code = self._judge(log, frames, reason)
        self._attach_results(log, frames, exit_code)
        return exit_code

    @property
    def run(self) -> Any:
        """Return the inputs of the run: ``structure``, ``parameters`` and, where it went on, ``restart``."""
        return self.node.inputs

    def kept_file(self, name: str) -> str:
        """Return where a file of the run stands among those that are kept."""
        return name

    def kept_text(self, path: str) -> str | None:
        """Return the content of a file that is kept, ``None`` where there is none."""
        try:
            content = self.retrieved.base.repository.get_object_content(path, mode="rb")
        except OSError:
            return None
        return content.decode(errors="replace")

    def message_files(self) -> list[str]:
        """Return the files in which LAMMPS and the scheduler say how the run ended."""
        options = ("output_filename", "scheduler_stdout", "scheduler_stderr")
        return [name for option in options if (name := self.node.get_option(option))]

    def _attach_trajectory(self, folder: Path) -> tuple[FrameCount | None, str]:
        """Attach the frames unless they stay where they are, and return them or their number, or why there are none."""
        cell, _, species = arrays_of_structure(self.run["structure"])
        has_framework = any(symbol != self.parameters.carrier for symbol in species)
        try:
            if stays_there(self.node):
                return count_frames(folder, self.parameters, start=self.start), ""
            frames = open_frames(folder, self.parameters, has_framework=has_framework, start=self.start)
        except (OSError, ValueError) as error:
            return None, str(error)
        if frames.n_frames < 2:
            return frames, f"{frames.n_frames} frames are sound, a trajectory needs two"
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / MolecularDynamicsData.FILENAME
            write_run_h5md(path, frames, species, cell, self.parameters)
            self.out("trajectory", MolecularDynamicsData(path, **run_context(self.node, self.run["parameters"])))
        return frames, ""

    def _attach_deviation(self, folder: Path, frames: FrameCount | None) -> None:
        """Attach the deviations at the frames of the trajectory; the columns of the heating are left out."""
        path = folder / lammps_input.DEVIATION
        if not path.is_file() or frames is None or frames.n_frames < 2:
            return
        try:
            columns = read_model_deviation(path.read_text(), is_continuation=self.start is not None)
        except ValueError as error:
            self.logger.error(str(error))
            return
        frame = (columns["step"].astype(np.int64) - frames.first_step) // self.parameters.frame_steps
        kept = (columns["step"] >= frames.first_step) & (frame < frames.n_frames)
        node = orm.ArrayData()
        node.set_array("step", columns.pop("step")[kept].astype(np.int64))
        node.set_array("frame", frame[kept])
        for name, column in columns.items():
            node.set_array(name, column[kept])
        self.out("model_deviation", node)

    def _attach_thermo(self, log: LammpsLog) -> None:
        if not log.thermo:
            return
        node = orm.ArrayData()
        for theirs, ours in THERMO.items():
            column = log.thermo[theirs]
            node.set_array(ours, column.astype(np.int64) if ours == "step" else column)
        self.out("thermo", node)

    def _attach_structure(self, folder: Path) -> None:
        """Attach the last configuration, where LAMMPS came to write it."""
        path = folder / lammps_input.FINAL_DUMP
        if not path.is_file():
            return
        with path.open() as handle:
            frame = next(iterate_lammps_dump(handle), None)
        if frame is None:
            return
        cell, _, species = arrays_of_structure(self.run["structure"])
        axes = lammps_axes(cell)
        positions = axes.from_lammps(frame.positions()[0])
        if self.parameters.pressure_bar is not None:
            cell = np.asarray(axes.from_lammps(frame.cell), dtype=np.float64)
        if np.isfinite(positions).all() and len(positions) == len(species):
            self.out("structure", structure_of_arrays(cell, positions, species))

    def _attach_restart(self, folder: Path, log: LammpsLog, frames: FrameCount | None) -> None:
        """Attach the restart file from which the run can go on, with what the next segment must know of its start."""
        path = newest_restart(folder, self.parameters, frames)
        if path is None:
            return
        if self.start is not None:
            begin = self.start.begin_eV_per_atom
        elif log.thermo and log.thermo["Step"][0] == 0:
            begin = float(log.thermo["PotEng"][0] / len(self.run["structure"].sites))
        else:
            return
        content = path.read_bytes()
        self.out("restart", restart_node(content, begin, self._beyond_since(restart_step(content))))

    def _beyond_since(self, step: int) -> int | None:
        """Return since when the committee disagreed at a step, for the run that goes on from there."""
        level, before = self.parameters.max_deviation_eV_A, None if self.start is None else self.start.beyond_since
        if level is None or "model_deviation" not in self.outputs:
            return before
        steps, deviation = (self.outputs["model_deviation"].get_array(name) for name in ("step", "max_devi_f_eV_A"))
        return last_excess(steps[steps <= step], deviation[steps <= step], level, beyond_since=before)

    def _judge(self, log: LammpsLog, frames: FrameCount | None, reason: str) -> ExitCode | None:
        """Return what went wrong, if anything."""
        place = {"step": _last_step(log, 0 if self.start is None else self.start.step), "n_steps": self._planned_steps}
        if not log.is_complete and (complaint := OUT_OF_MEMORY.search(self._messages(log))):
            return self.exit_codes.ERROR_OUT_OF_MEMORY.format(error=complaint[0].strip(), step=place["step"])
        if log.errors:
            return self._failure(log.errors[0], place["step"])
        if not all(np.isfinite(column).all() for column in log.thermo.values()):
            return self.exit_codes.ERROR_NOT_FINITE.format(step=_last_finite(log), error="thermodynamic output")
        if (verdict := self._judge_committee()) is not None:
            return verdict
        if log.is_timed_out:
            return self.exit_codes.ERROR_STOPPED_BY_TIMER.format(**place)
        if not log.is_complete:
            return self.exit_codes.ERROR_CUT_SHORT.format(**place)
        if frames is None or frames.n_frames < 2:
            return self.exit_codes.ERROR_NO_TRAJECTORY.format(reason=reason)
        planned = (self._planned_steps - frames.first_step) // self.parameters.frame_steps + 1
        if frames.n_frames < planned:
            short = f"{frames.n_frames} of {planned} frames are sound"
            return self.exit_codes.ERROR_NO_TRAJECTORY.format(reason=short)
        return self._judge_energy(log)

    def _judge_committee(self) -> ExitCode | None:
        """Return the exit code of a run whose committee disagreed for longer than it may."""
        level = self.parameters.max_deviation_eV_A
        if level is None or "model_deviation" not in self.outputs:
            return None
        node = self.outputs["model_deviation"]
        longest_steps = self.parameters.max_deviation_ps / self.parameters.timestep_ps
        found = first_long_excess(
            node.get_array("step"), node.get_array("max_devi_f_eV_A"), level, longest_steps,
            beyond_since=None if self.start is None else self.start.beyond_since,
        )  # fmt: skip
        if found is None:
            return None
        return self.exit_codes.ERROR_COMMITTEE_DISAGREES.format(level=level, first=found[0], last=found[1])

    def _messages(self, log: LammpsLog) -> str:
        """Return what LAMMPS and the scheduler said when the run ended."""
        texts = [self.kept_text(path) for path in self.message_files()]
        return "\n".join([*log.errors, *(text for text in texts if text is not None)])

    def _judge_energy(self, log: LammpsLog) -> ExitCode | None:
        """Return the exit code for a production whose conserved energy is not."""
        found = _energy_jump(log, self.parameters, len(self.run["structure"].sites))
        if found is None:
            return None
        step, jump = found
        n_sound = (step - self.first_frame_step - 1) // self.parameters.frame_steps + 1
        return self.exit_codes.ERROR_ENERGY_NOT_CONSERVED.format(jump=jump, step=step, n_sound=n_sound)

    @property
    def _planned_steps(self) -> int:
        return self.parameters.last_step

    def _failure(self, error: str, step: int) -> ExitCode:
        for pattern, label in FAILURES:
            if re.search(pattern, error):
                if label in BREAKDOWNS and _broke_down_at(error, step) < BAD_START_STEPS:
                    return self.exit_codes.ERROR_BAD_START.format(error=error)
                code = getattr(self.exit_codes, label)
                return code if "{" not in code.message else code.format(step=step, error=error)
        return self.exit_codes.ERROR_PARSER_DETECTED_LAMMPS_RUN_ERROR.format(error=error)

    def _attach_results(self, log: LammpsLog, frames: FrameCount | None, exit_code: ExitCode | None) -> None:
        step = _last_step(log, 0 if self.start is None else self.start.step)
        results: dict[str, Any] = {
            "steps_done": step,
            "steps_planned": self._planned_steps,
            "start_step": 0 if self.start is None else self.start.step,
            "first_step": self.first_frame_step,
            "n_frames": 0 if frames is None else frames.n_frames,
            "exit_reason": "finished" if exit_code is None else exit_code.message,
            "lammps_version": log.version,
            "wall_s": log.wall_s,
            "steps_per_s": log.steps_per_s,
            **_averages(log, self.parameters, len(self.run["structure"].sites)),
        }
        self.out("results", orm.Dict({key: value for key, value in results.items() if value is not None}))


def _last_step(log: LammpsLog, start_step: int) -> int:
    return int(log.thermo["Step"][-1]) if log.thermo else start_step


def _broke_down_at(error: str, last_row: int) -> int:
    """Return the step that LAMMPS names, or else that of the last row of output before."""
    named = re.search(r"on step (\d+)", error)
    return int(named[1]) if named else last_row


def _last_finite(log: LammpsLog) -> int:
    sound = np.all([np.isfinite(column) for column in log.thermo.values()], axis=0)
    return int(log.thermo["Step"][sound][-1]) if sound.any() else 0


def _energy_jump(log: LammpsLog, parameters: MdParameters, n_atoms: int) -> tuple[int, float] | None:
    """Return step and size in eV of the first jump of the conserved energy between two rows of the production.

    Two atoms that fall into a hole of the potential set free some eV at once, however many atoms there are; the
    fluctuation of a sound run is a hundredth of that.
    """
    kept = log.thermo["Step"] >= parameters.first_step
    steps, energy = log.thermo["Step"][kept], log.thermo["Econserve"][kept]
    jumps = np.abs(np.diff(energy))
    large = np.flatnonzero(jumps > MAX_JUMP_EV + MAX_JUMP_EV_PER_ATOM * n_atoms)
    return (int(steps[large[0] + 1]), float(jumps[large[0]])) if len(large) else None


def _averages(log: LammpsLog, parameters: MdParameters, n_atoms: int) -> dict[str, float]:
    """Return mean temperature and drift of the conserved energy over the production, where there are rows of it."""
    if not log.thermo:
        return {}
    production = log.thermo["Step"] >= parameters.first_step
    sound = production & np.all([np.isfinite(column) for column in log.thermo.values()], axis=0)
    time_ps: NDArray[np.float64] = (log.thermo["Step"][sound] - parameters.first_step) * parameters.timestep_ps
    return production_averages(time_ps, log.thermo["Temp"][sound], log.thermo["Econserve"][sound], n_atoms)
