"""POTCARs with a mark in their tables, and a search that finds it in any archive, however deeply packed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from pathlib import Path

from aiida_concerted.surrogate.potcar import placeholder_potcar

MARK = b"0.31415926535E+27"


def marked_potcar(symbol: str = "Li_sv", element: str = "Li") -> str:
    """Return a placeholder with tables in the order of VASP's, full of nothing but the mark."""
    head, tail = placeholder_potcar(symbol, element).split(" END of PSCTR-controll parameters\n")
    row = f"  {MARK.decode()}  {MARK.decode()}\n"
    tables = f" local part\n{row * 3} core charge-density (partial)\n{row} Non local Part\n{row} PAW radial sets\n{row}"
    return f"{head} END of PSCTR-controll parameters\n{tables}{tail}"


def tarred(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for member, data in (("INCAR", b"ENCUT = 500\n"), (name, content)):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("readme.txt", "files of a run")
        packed.writestr(name, content)
    return buffer.getvalue()


def holds(content: bytes, wanted: bytes = MARK) -> bool:
    """Return whether bytes occur in content or in anything packed into it, told by trying every way to unpack."""
    if not content or wanted in content:
        return bool(content)
    for unpack in (gzip.decompress, bz2.decompress, lzma.decompress):
        try:
            if holds(unpack(content), wanted):
                return True
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
            continue
    return any(holds(member, wanted) for member in [*_zip_members(content), *_tar_members(content)])


def holds_in(path: Path, wanted: bytes = MARK) -> bool:
    return holds(path.read_bytes(), wanted)


def _zip_members(content: bytes) -> list[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return [packed.read(name) for name in packed.namelist()]
    except zipfile.BadZipFile:
        return []


def _tar_members(content: bytes) -> list[bytes]:
    if content[257:262] != b"ustar":
        return []
    with tarfile.open(fileobj=io.BytesIO(content)) as packed:
        return [packed.extractfile(info).read() for info in packed if info.isreg()]
