"""Runs that shared their jobs: what one of several left, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiida import orm
from aiida.common import AttributeDict
from aiida.common.exceptions import NotExistentAttributeError

VERDICTS = "concerted_verdicts"
"""Extra of a process of several replicas: exit status and message of each by name."""

REPLICAS = "replicas"
"""Namespace of the inputs and outputs of the runs."""


def outputs_of_replica(process: orm.ProcessNode, name: str) -> Mapping[str, Any]:
    """Return the outputs of one replica of a process by their names; empty where it left none."""
    try:
        found = process.outputs[REPLICAS]
    except (KeyError, NotExistentAttributeError):
        return AttributeDict()
    return AttributeDict(found[name]) if name in found else AttributeDict()


def replica_names(process: orm.ProcessNode) -> list[str]:
    """Return the names of the replicas that a process was given, in their alphabetical order."""
    labels = process.base.links.get_incoming(link_label_filter=f"{REPLICAS}__%").all_link_labels()
    return sorted({label.split("__")[1] for label in labels if label.startswith(f"{REPLICAS}__")})


@dataclass(frozen=True)
class Replica:
    """One of the runs of a process, seen as if it were a process of its own.

    :param node: the process.
    :param name: of the run.
    """

    node: orm.ProcessNode
    name: str

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Return its outputs."""
        return outputs_of_replica(self.node, self.name)

    @property
    def pk(self) -> int | None:
        """Return the PK of the process."""
        return self.node.pk

    @property
    def process_state(self) -> Any:
        """Return the state of the process."""
        return self.node.process_state

    @property
    def verdict(self) -> tuple[int, str] | None:
        """Return exit status and message as soon as the run has ended, ``None`` before; others may still be running."""
        found = self.node.base.extras.get(VERDICTS, {})
        if not isinstance(found, Mapping) or self.name not in found:
            return None
        status, message = found[self.name]
        return int(status), str(message)

    @property
    def _end(self) -> tuple[int | None, str | None]:
        """Return exit status and message; those of the process where it did not come to say them, or to its outputs."""
        known = self.verdict if self.node.is_finished else None
        return (self.node.exit_status, self.node.exit_message) if known is None else known

    @property
    def exit_status(self) -> int | None:
        """Return the exit status that the run would have had alone."""
        return self._end[0]

    @property
    def exit_message(self) -> str | None:
        """Return why it ended."""
        return self._end[1] if self.exit_status else None

    @property
    def is_finished_ok(self) -> bool:
        """Return whether it came to its end."""
        return self.exit_status == 0
