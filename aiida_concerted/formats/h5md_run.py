"""A whole run in an H5MD file of ours, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.formats.h5md import H5mdReader
from aiida_concerted.formats.position_store import PositionStore

CHUNK_NUMBERS = 4_000_000
"""Coordinates read at once: 32 MB in double precision."""

MEMORY_BYTES = 1 << 28
"""Carriers that stay in memory; longer runs go to a scratch file."""


@contextmanager
def open_run(
    reader: H5mdReader, *, memory_bytes: int = MEMORY_BYTES, scratch_folder: Path | None = None
) -> Iterator[Trajectory]:
    """Yield the trajectory of a file; the positions of its carriers are in memory or in a scratch file.

    :param memory_bytes: positions of carriers that stay in memory; results do not depend on it.
    :param scratch_folder: where the scratch file is made; the system's folder for temporary files when not given.
    """
    size = max(1, CHUNK_NUMBERS // (3 * max(1, len(reader.header.carrier_ids))))
    with PositionStore(memory_bytes, scratch_folder) as store:
        for start in range(0, reader.n_frames, size):
            store.append(reader.carriers(start, start + size))
        yield reader.trajectory(store.positions())
