"""POTCAR: only the headers, which say what the potentials are; the data are never read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_ASSIGNMENT = re.compile(r"(\w+)\s*=\s*([^;\n]*)")


@dataclass(frozen=True)
class PotentialHeader:
    """What a POTCAR says of one element.

    :param titel: the title, such as ``PAW_PBE Li_sv 10Sep2004``.
    :param symbol: the potential's name, such as ``Li_sv``.
    :param element: the chemical symbol, such as ``Li``.
    :param functional: VASP's two letters for the functional (``PE`` is PBE).
    :param mass: atomic mass in u.
    :param valence: number of valence electrons.
    :param cutoff_eV: the recommended plane-wave cutoff in eV.
    """

    titel: str
    symbol: str
    element: str
    functional: str
    mass: float
    valence: float
    cutoff_eV: float


def read_potential_headers(path: str | Path) -> tuple[PotentialHeader, ...]:
    """Return the headers of all potentials of a POTCAR file, in order.

    :raises ValueError: if the file cannot be read, holds no potential, or a header lacks a tag.
    """
    path = Path(path)
    headers: list[PotentialHeader] = []
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for header in _datasets(lines):
                headers.append(_header(header, f"{path.name} potential {len(headers) + 1}"))
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror}") from None
    if not headers:
        raise ValueError(f"{path.name} holds no potential")
    return tuple(headers)


def _datasets(lines: Iterable[str]) -> Iterator[str]:
    """Yield the header of each dataset; the tables that follow it are passed over."""
    header: list[str] = []
    is_header = True
    for line in lines:
        if is_header:
            header.append(line)
        if "END of PSCTR" in line:
            is_header = False
        if "End of Dataset" in line:
            yield "".join(header)
            header, is_header = [], True
    if any(line.strip() for line in header):
        yield "".join(header)


def _header(text: str, where: str) -> PotentialHeader:
    """Return one header from its text."""
    tags: dict[str, str] = {}
    for tag, value in _ASSIGNMENT.findall(text):
        tags.setdefault(tag, value.strip())
    words = tags.get("TITEL", "").split()
    if len(words) < 2:
        raise ValueError(
            f"{where}: TITEL must name the kind of potential and the element, got '{tags.get('TITEL', '')}'"
        )
    numbers = {}
    for tag in ("POMASS", "ZVAL", "ENMAX"):
        try:
            numbers[tag] = float(tags[tag].split()[0])
        except (KeyError, IndexError, ValueError):
            raise ValueError(f"{where} ('{tags['TITEL']}') has no number for {tag}") from None
    return PotentialHeader(
        titel=tags["TITEL"],
        symbol=words[1],
        element=words[1].split("_")[0].split(".")[0],
        functional=tags.get("LEXCH", ""),
        mass=numbers["POMASS"],
        valence=numbers["ZVAL"],
        cutoff_eV=numbers["ENMAX"],
    )
