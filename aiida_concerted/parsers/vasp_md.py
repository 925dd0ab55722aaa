"""What a segment of molecular dynamics with VASP left behind, as nodes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, Any

from aiida import orm
from aiida.engine import ExitCode
from aiida_vasp.parsers.vasp import ParserSettingsConfig, VaspParser

from aiida_concerted.data.vasp_md import CONTCAR, OUTCAR, MdFolder, read_md_folder, trajectory_node
from aiida_concerted.surrogate.state import STATE_FILE

STDOUT = "vasp_output"

N_LAST_LINES = 20
"""Lines of the standard output that are kept."""

OURS = ("trajectory", "structure", "energies", "arrays", "bands", "dos", "kpoints")
"""Nodes that aiida-vasp's parser would make of vasprun.xml: ours has the steps, and reads them in bounded memory."""


class _TemporaryFiles:
    """The files retrieved to be read, with the two methods that aiida-vasp's parser calls on a folder."""

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._folder = folder
        self._names = names

    def list_object_names(self) -> list[str]:
        """Return the names of the files."""
        return [name for name in self._names if (self._folder / name).is_file()]

    def open(self, name: str, mode: str = "r") -> IO[Any]:
        """Return an open file."""
        path = self._folder / name
        return path.open(mode) if "b" in mode else path.open(mode, encoding="utf-8", errors="replace")


class VaspMdParser(VaspParser):
    """Reads the steps of a :class:`VaspMdCalculation` as far as they go, and the state to go on from.

    Warnings of VASP, run status and timings are read by aiida-vasp's parser from OUTCAR and the standard output.
    """

    @property
    def retrieved(self) -> Any:
        """Return the files that are there to be read: those retrieved for that, or else those kept."""
        return getattr(self, "_files", None) or super().retrieved

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Attach the outputs that are sound, and return what went wrong."""
        folder = kwargs.get("retrieved_temporary_folder")
        if folder is None:
            return self.exit_codes.ERROR_NO_RETRIEVED_TEMPORARY_FOLDER
        self._files = _TemporaryFiles(Path(folder), (OUTCAR, CONTCAR, STDOUT))
        run = read_md_folder(Path(folder), origin=self.node.uuid)
        upstream = super().parse(**kwargs)
        exit_code = self._judge(run, upstream)
        self._attach(run, Path(folder), exit_code)
        return exit_code

    def _init_user_settings(self) -> ParserSettingsConfig:
        """Keep aiida-vasp's parser to what it shall read."""
        config = super()._init_user_settings()
        config.critical_objects = [OUTCAR]
        config.check_completeness = False
        config.exclude_node = [*config.exclude_node, *OURS]
        config.include_node = [name for name in config.include_node if name not in OURS]
        return config

    def _judge(self, run: MdFolder, upstream: ExitCode | None) -> ExitCode | None:
        """Return the exit code of the run.

        Steps that the electrons did not converge in are marked, and do not fail the run. One that has brought it no
        further is for aiida-vasp's parser to judge.
        """
        advanced = run.n_steps if run.is_closed else _n_before(run)
        if not run.n_steps or not advanced:
            return upstream or self.exit_codes.ERROR_DID_NOT_FINISH
        numbers = {"n_steps": run.n_steps, "n_requested": self._n_requested, "n_before": _n_before(run)}
        if run.n_steps >= self._n_requested:
            return upstream if self._is_verdict(upstream) else None
        if run.is_closed:
            return self.exit_codes.ERROR_STOPPED_IN_ORDER.format(**numbers)
        return self.exit_codes.ERROR_CUT_SHORT.format(**numbers)

    def _is_verdict(self, exit_code: ExitCode | None) -> bool:
        """Return whether VASP itself says that the numbers of a complete run are not to be trusted."""
        critical = (self.exit_codes.ERROR_VASP_CRITICAL_ERROR, self.exit_codes.ERROR_OVERFLOW_IN_XML)
        return exit_code is not None and exit_code.status in {code.status for code in critical}

    @property
    def _n_requested(self) -> int:
        """Return NSW."""
        tags = {key.lower(): value for key, value in self.node.inputs.parameters.get_dict().items()}
        return int(tags.get("nsw", 0))

    def _attach(self, run: MdFolder, folder: Path, exit_code: ExitCode | None) -> None:
        """Attach our own outputs."""
        if run.segment is not None:
            self.out("trajectory", trajectory_node(run, self.node))
        found = run.continuation
        if found is not None:
            self.out("continuation", orm.SinglefileData(io.BytesIO(found.poscar.encode()), filename=CONTCAR))
            if found.state is not None:
                self.out("state", orm.SinglefileData(io.BytesIO(found.state), filename=STATE_FILE))
        results = {
            "n_steps_requested": self._n_requested,
            "n_steps": run.n_steps,
            "n_steps_truncated": run.n_truncated,
            "n_steps_before_continuation": _n_before(run),
            "ended_in_order": run.is_closed,
            "exit_reason": "finished" if exit_code is None else exit_code.message,
            "level_of_theory": run.level_of_theory,
            "problem": run.problem,
            "last_lines": _last_lines(folder / STDOUT),
        }
        self.out("results", orm.Dict(results))


def _n_before(run: MdFolder) -> int:
    return 0 if run.continuation is None else run.continuation.n_before


def _last_lines(path: Path) -> str:
    """Return the end of a text file, read from its end, or nothing if it is missing."""
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 200 * N_LAST_LINES))
        text = stream.read().decode("utf-8", errors="replace").replace("\0", "")
    return "\n".join(text.splitlines()[-N_LAST_LINES:])
