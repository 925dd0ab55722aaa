"""What the processes of a study are doing, read by a few short queries that leave no cursor open."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiida_concerted.common.extras import REUSED

_ENDED = ("finished", "excepted", "killed")
_PROJECTIONS = {
    "pk": "id",
    "uuid": "uuid",
    "process_label": "attributes.process_label",
    "state": "attributes.process_state",
    "exit_status": "attributes.exit_status",
    "exit_message": "attributes.exit_message",
    "exception": "attributes.exception",
    "is_paused": "attributes.paused",
    "node_type": "node_type",
    "started": "ctime",
    "changed": "mtime",
    "reused": f"extras.{REUSED}",
}


@dataclass
class ProcessSummary:
    """One process with everything that it called, or took over from the process that it continues (``is_reused``)."""

    pk: int
    uuid: str
    process_label: str
    state: str
    exit_status: int | None
    exit_message: str | None
    exception: str | None
    is_paused: bool
    node_type: str
    started: datetime
    changed: datetime
    link_label: str = ""
    children: list[ProcessSummary] = field(default_factory=list)
    reused: list[dict[str, str]] = field(default_factory=list)
    is_reused: bool = False

    @property
    def has_ended(self) -> bool:
        """Return whether the process finished, excepted or was killed."""
        return self.state in _ENDED

    @property
    def is_ok(self) -> bool:
        """Return whether the process finished with exit status 0."""
        return self.state == "finished" and self.exit_status == 0

    @property
    def is_job(self) -> bool:
        """Return whether the process runs an engine."""
        return "CalcJobNode" in self.node_type

    @property
    def is_chain(self) -> bool:
        """Return whether the process is a work chain."""
        return "WorkChainNode" in self.node_type

    @property
    def name(self) -> str:
        """Return the name its caller gave it, else that of its class."""
        return (
            self.link_label if self.link_label and self.link_label not in ("CALL", "iteration") else self.process_label
        )

    @property
    def elapsed_s(self) -> float:
        """Return the seconds from its creation to its end, or to now."""
        end = self.changed if self.has_ended else datetime.now(tz=self.started.tzinfo)
        return max((end - self.started).total_seconds(), 0.0)

    def walk(self) -> list[ProcessSummary]:
        """Return this process and all below it, callers first."""
        return [self, *(below for child in self.children for below in child.walk())]

    def jobs(self) -> tuple[int, int]:
        """Return how many engine runs below (or at) this process have ended, and how many there are."""
        jobs = [process for process in self.walk() if process.is_job]
        return sum(job.has_ended for job in jobs), len(jobs)

    def root_of_failure(self) -> ProcessSummary:
        """Return the deepest process to which the failure of this one can be traced, by the last failed children."""
        failed = [child for child in self.children if child.has_ended and not child.is_ok and child.state != "killed"]
        return failed[-1].root_of_failure() if failed else self


def read_process_tree(uuid: str) -> ProcessSummary:
    """Return the process ``uuid`` with the whole tree of what it called or took over, as it is now.

    One query a level of the tree, two where something was taken over; rows are projected columns, so nothing stale
    comes from the session.

    :raises ValueError: if there is no such process.
    """
    from aiida import orm

    query = orm.QueryBuilder().append(orm.ProcessNode, filters={"uuid": uuid}, project=list(_PROJECTIONS.values()))
    rows = query.all()
    if not rows:
        raise ValueError(f"there is no process {uuid} in this profile: look with 'verdi process list -a'")
    root = _summary(rows[0])
    level = {root.pk: root}
    seen = set(level)
    while level:
        below = {**_read_reused(level), **_read_children(level)}
        level = {pk: process for pk, process in below.items() if pk not in seen}
        seen |= set(level)
    return root


def _read_children(parents: dict[int, ProcessSummary]) -> dict[int, ProcessSummary]:
    from aiida import orm
    from aiida.common.links import LinkType

    called = {"type": {"in": [LinkType.CALL_CALC.value, LinkType.CALL_WORK.value]}}
    query = orm.QueryBuilder()
    query.append(orm.ProcessNode, filters={"id": {"in": list(parents)}}, tag="caller", project="id")
    query.append(
        orm.ProcessNode,
        with_incoming="caller",
        edge_filters=called,
        edge_project="label",
        project=list(_PROJECTIONS.values()),
        tag="called",
    )
    query.order_by({"called": "id"})
    found = {}
    for caller, *row, label in query.all():
        child = _summary(row)
        child.link_label = label or ""
        parents[caller].children.append(child)
        found[child.pk] = child
    return found


def _read_reused(parents: dict[int, ProcessSummary]) -> dict[int, ProcessSummary]:
    """Read what was taken over from earlier processes; it is older than anything that was called."""
    from aiida import orm

    noted = {entry["uuid"]: (parent, entry["label"]) for parent in parents.values() for entry in parent.reused}
    if not noted:
        return {}
    query = orm.QueryBuilder()
    query.append(orm.ProcessNode, filters={"uuid": {"in": list(noted)}}, project=list(_PROJECTIONS.values()), tag="it")
    query.order_by({"it": "id"})
    found = {}
    for row in query.all():
        child = _summary(row)
        parent, child.link_label = noted[child.uuid]
        child.is_reused = True
        parent.children.append(child)
        found[child.pk] = child
    return found


def _summary(row: list[Any]) -> ProcessSummary:
    from aiida_concerted.queries.calls import read_reused

    values = dict(zip(_PROJECTIONS, row, strict=True))
    values["reused"] = read_reused(values["reused"])
    values["is_paused"] = bool(values["is_paused"])
    values["state"] = values["state"] or "created"
    values["process_label"] = values["process_label"] or "process"
    return ProcessSummary(**values)
