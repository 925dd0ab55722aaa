"""What each replica of a job left behind, as nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_concerted.calculations.lammps_replicas import EXIT_STATUS, REPLICAS
from aiida_concerted.parsers.lammps_md import LammpsMdParser


class ReplicaParser(LammpsMdParser):
    """Reads one replica as if it had run alone.

    :param node: the job.
    :param name: of the replica.
    """

    def __init__(self, node: orm.CalcJobNode, name: str) -> None:
        super().__init__(node)
        self.name = name

    @property
    def run(self) -> Any:
        """Return the inputs of the replica."""
        return self.node.inputs[REPLICAS][self.name]

    def kept_file(self, name: str) -> str:
        """Return where a file of the replica stands among those that are kept."""
        return f"{self.name}/{name}"

    def message_files(self) -> list[str]:
        """Return the files in which LAMMPS and the scheduler say how the replica ended."""
        names = super().message_files()
        return [*map(self.kept_file, names[:1]), *names]


class LammpsReplicasParser(Parser):
    """Reads every replica of a :class:`LammpsReplicasCalculation` as far as it goes: one that failed takes no other."""

    def parse(self, retrieved_temporary_folder: str, **_: Any) -> ExitCode | None:
        """Attach the outputs of all replicas, and return which did not come to their end and why."""
        names = sorted(self.node.inputs[REPLICAS])
        codes = {name: self._parse_one(name, Path(retrieved_temporary_folder) / name) for name in names}
        failed = {name: code for name, code in codes.items() if code is not None}
        if not failed:
            return None
        if len(failed) == len(names) and len({code.status for code in failed.values()}) == 1:
            first = next(iter(failed.values()))
            if first.status < 400:  # nothing was read: the same is the matter with all
                return first
        reasons = "; ".join(f"{name}: {code.message}" for name, code in failed.items())
        return self.exit_codes.ERROR_REPLICAS_FAILED.format(
            n_failed=len(failed), n_replicas=len(names), reasons=reasons
        )

    def _parse_one(self, name: str, folder: Path) -> ExitCode | None:
        """Attach the outputs of one replica, and return what went wrong with it."""
        parser = ReplicaParser(self.node, name)
        code = parser.parse(retrieved_temporary_folder=str(folder))
        outputs = dict(parser.outputs)
        found = outputs.pop("results", None)
        results = (
            {"exit_reason": code.message if code is not None else "finished"} if found is None else found.get_dict()
        )
        results[EXIT_STATUS] = 0 if code is None else code.status
        for label, node in {**outputs, "results": orm.Dict(results)}.items():
            self.out(f"{REPLICAS}.{name}.{label}", node)
        return code
