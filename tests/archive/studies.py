"""A study as it lies in a profile after its end, with the folders that engines leave behind."""

from __future__ import annotations

import os
import uuid

from aiida import orm
from aiida.common.links import LinkType

from tests.report.synthetic_study import SyntheticStudy

RAW_BYTES = 300_000
"""Of each retrieved folder; random, so that it does not compress."""


def ended_study(parts: tuple[str, ...] = ("sweep", "vacancy"), n_frames: int = 120) -> orm.WorkChainNode:
    """Return a stored study whose processes are sealed; each of its jobs has a retrieved and a remote folder."""
    computer = orm.Computer(
        label=f"machine-{uuid.uuid4().hex[:8]}", hostname="login.cluster.example",
        transport_type="core.local", scheduler_type="core.direct",
    )  # fmt: skip
    code = orm.InstalledCode(label="lmp", computer=computer.store(), filepath_executable="/bin/true").store()
    study = SyntheticStudy(temperatures_K=(800.0, 1200.0), parts=parts, n_frames=n_frames).store(code)
    for process in [study, *study.called_descendants]:
        if isinstance(process, orm.CalcJobNode):
            _add_folders(process, computer)
        if not process.is_sealed:
            process.seal()
    return study


def _add_folders(job: orm.CalcJobNode, computer: orm.Computer) -> None:
    retrieved = orm.FolderData()
    retrieved.base.repository.put_object_from_bytes(os.urandom(RAW_BYTES), "log.lammps")
    remote = orm.RemoteData(computer=computer, remote_path=f"/scratch/somebody/ab/cd/{uuid.uuid4()}")
    for label, node in (("retrieved", retrieved), ("remote_folder", remote)):
        node.base.links.add_incoming(job, LinkType.CREATE, label)
        node.store()
