"""Segments of one run in H5MD files, joined to one file without a repeated or a missing frame."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.h5md import H5mdHeader, H5mdReader
from aiida_concerted.formats.h5md_writer import H5mdWriter

FloatArray = NDArray[np.float64]

CHUNK_NUMBERS = 4_000_000
"""Coordinates in memory at once: 32 MB in double precision."""

SAME_FRAME_A = 1e-3
"""Largest distance in Å between the frame at which a segment begins and the same frame of the segment before: digits
of single precision over 1000 Å; from one frame to the next some atom moves a hundred times as far."""


def join_h5md(readers: Sequence[H5mdReader], path: str | Path) -> None:
    """Write the frames of consecutive segments as one run, chunk by chunk.

    A segment begins at a frame that the segment before holds as well; what that one holds beyond is computed again by
    the later segment and left out. The framework's mean displacement counts from the first frame of all.

    :param readers: segments in any order.
    :param path: file to be made.
    :raises ValueError: if there are none, or they are not segments of one run without a gap.
    """
    if not readers:
        raise ValueError("there are no segments to join")
    segments = sorted(readers, key=lambda reader: reader.header.first_step)
    kept = [_frames_before(reader, later) for reader, later in itertools.pairwise(segments)]
    kept.append(segments[-1].n_frames)
    origin: FloatArray = np.zeros(3)
    with H5mdWriter(path, segments[0].header) as writer:
        for number, (reader, n_frames) in enumerate(zip(segments, kept, strict=True)):
            _copy(reader, n_frames, origin, writer)
            if number + 1 < len(segments):
                displacement = reader.framework_displacement(n_frames, n_frames + 1)
                origin = origin if displacement is None else origin + displacement[0]


def _frames_before(reader: H5mdReader, later: H5mdReader) -> int:
    """Return how many frames of a segment come before the one that goes on from it.

    :raises ValueError: if they are not segments of one run, or frames between them are missing.
    """
    first, then = reader.header, later.header
    if not _same_run(first, then):
        raise ValueError("the segments are not of one run: their atoms, intervals or temperatures differ")
    n_frames, rest = divmod(then.first_step - first.first_step, first.step_interval)
    if rest or n_frames % first.framework_stride:
        raise ValueError(
            f"a segment begins at step {then.first_step}, which is no step at which the segment from "
            f"{first.first_step} stores all atoms"
        )
    if n_frames >= reader.n_frames:
        end = first.first_step + (reader.n_frames - 1) * first.step_interval
        raise ValueError(f"frames are missing: a segment ends at step {end}, the next begins at {then.first_step}")
    apart = np.abs(reader.carriers(n_frames, n_frames + 1) - later.carriers(0, 1)).max()
    if not apart <= SAME_FRAME_A:
        raise ValueError(f"the segments are not of one run: at step {then.first_step} they are {apart:.3g} Å apart")
    return n_frames


def _same_run(first: H5mdHeader, then: H5mdHeader) -> bool:
    """Return whether two segments have the same atoms, intervals and temperature."""
    names = ("carrier", "framework_species", "frame_interval_ps", "framework_stride", "step_interval", "temperature_K")
    ids = ("carrier_ids", "framework_ids")
    return all(getattr(first, name) == getattr(then, name) for name in names) and all(
        np.array_equal(getattr(first, name), getattr(then, name)) for name in ids
    )


def _copy(reader: H5mdReader, n_frames: int, origin: FloatArray, writer: H5mdWriter) -> None:
    """Write the first frames of a segment.

    :param origin: displacement of the framework in Å at the segment's first frame.
    """
    stride = reader.header.framework_stride
    size = max(1, CHUNK_NUMBERS // (3 * reader.header.n_atoms))
    for start in range(0, n_frames, size):
        stop = min(start + size, n_frames)
        displacement = reader.framework_displacement(start, stop)
        moved = None if displacement is None else displacement + origin
        writer.append(reader.carriers(start, stop), moved, reader.cells(start, stop))
    n_stored = -(-n_frames // stride)
    for start in range(0, n_stored, size):
        stop = min(start + size, n_stored)
        framework = reader.framework(start, stop)
        if framework is not None:
            writer.append_framework(framework, reader.cells(start * stride, stop * stride)[::stride])
