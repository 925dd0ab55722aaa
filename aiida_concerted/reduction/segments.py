"""The segments of a run, from where they lie to one file of its frames: verified, unpacked, converted, joined."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from aiida_concerted.common.files import file_sha256, machine_error
from aiida_concerted.common.tar_files import unpack_files
from aiida_concerted.formats.h5md import H5mdReader
from aiida_concerted.formats.h5md_join import join_h5md
from aiida_concerted.formats.lammps_frames import frame_files, most_bytes, open_frames, write_run_h5md
from aiida_concerted.reduction.request import FOLDER, RunDescription, Segment

MISSING, CHANGED, UNREADABLE = "missing", "changed", "unreadable"
"""Why segments give no run."""

NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)
"""What the machine says of files that a second try would not find either."""


class ReductionError(ValueError):
    """Segments that give no run.

    :param kind: :data:`MISSING`, :data:`CHANGED` or :data:`UNREADABLE`.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def _unreadable(error: ValueError) -> Exception:
    """Return what an error of reading or writing means: no frames, unless it was the machine, which may do it later."""
    return machine_error(error) or ReductionError(UNREADABLE, str(error))


def join_run(run: RunDescription, segments: Sequence[Segment], folder: Path) -> tuple[Path, list[Segment]]:
    """Return an H5MD file of the whole run, and the segments with the digests of their files.

    Memory is bounded by a chunk; of what is unpacked only one segment is there at a time.

    :param folder: an empty folder to work in.
    :raises ReductionError: if files are missing, are not those of which the digests are known, or are no segments of
        one run without a gap.
    :raises OSError: if the machine cannot read or write, as on a disk that is full.
    """
    parts, sealed = [], []
    for number, segment in enumerate(segments):
        digests = verify(segment, frame_files(has_framework=run.has_framework))
        sealed.append(replace(segment, sha256=digests))
        parts.append(_convert(run, segment, folder, number))
    if len(parts) == 1:
        return parts[0], sealed
    path = folder / "run.h5"
    try:
        with ExitStack() as stack:
            join_h5md([stack.enter_context(H5mdReader(part)) for part in parts], path)
    except ValueError as error:
        raise _unreadable(error) from None
    for part in parts:
        part.unlink()
    return path, sealed


def verify(segment: Segment, names: Sequence[str]) -> dict[str, str]:
    """Return the digest of each file of a segment by its name.

    :param names: files that a folder must hold.
    :raises ReductionError: if one is missing, or its digest is known and another.
    :raises OSError: if the machine cannot read one that is there.
    """
    place = Path(segment.place)
    files = [place / name for name in names] if segment.kind == FOLDER else [place]
    digests = {file.name: _digest(file) for file in files}
    for name, known in segment.sha256.items():
        found = digests.get(name, "none")
        if found != known:
            file = place / name if segment.kind == FOLDER else place
            reason = f"{file} is no longer the file it was: its SHA-256 is {found[:12]}…, and was {known[:12]}…"
            raise ReductionError(CHANGED, reason)
    return digests


def _digest(file: Path) -> str:
    try:
        return file_sha256(file)
    except NOT_THERE as error:
        reason = f"{file} is not there, or cannot be read: {error.strerror}"
        raise ReductionError(MISSING, reason) from None


def _convert(run: RunDescription, segment: Segment, folder: Path, number: int) -> Path:
    """Return an H5MD file of the frames of one segment."""
    path, source = folder / f"segment_{number:03d}.h5", Path(segment.place)
    unpacked = folder / f"segment_{number:03d}"
    names = frame_files(has_framework=run.has_framework)
    try:
        if segment.kind != FOLDER:
            unpacked.mkdir()
            found = unpack_files(source, names, unpacked, max_bytes=most_bytes(run.md, len(run.species)))
            if missing := sorted(set(names) - set(found)):
                raise ValueError(f"{source} holds no {', '.join(missing)}")
            source = unpacked
        frames = open_frames(source, run.md, has_framework=run.has_framework, start=segment.start)
        if frames.n_frames < 2:
            raise ValueError(f"{segment.place}: {frames.n_frames} frames are sound, a trajectory needs two")
        write_run_h5md(path, frames, run.species, run.cell, run.md)
    except ValueError as error:
        raise _unreadable(error) from None
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    return path
