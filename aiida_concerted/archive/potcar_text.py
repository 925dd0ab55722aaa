"""The text of VASP's potentials, which their licence keeps from being passed on: where it is, and what may stay.

What may stay of each potential are TITEL, LEXCH, ZVAL and ENMAX, which say what it is, and a hash, by which those who
have the same file can tell. Logs of VASP repeat the headers of its potentials; without the tables behind them that is
no potential.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

_HEADER_BEGINS = b"parameters from PSCTR are"
_HEADER_ENDS = b"END of PSCTR"
_DATASET_ENDS = b"End of Dataset"
_TABLES = (
    b"local part",
    b"gradient corrections used for XC",
    b"core charge-density (partial)",
    b"atomic pseudo charge-density",
    b"Non local Part",
    b"Reciprocal Space Part",
    b"Real Space Part",
    b"PAW radial sets",
    b"augmentation charges (non sperical)",
    _DATASET_ENDS,
)
_MARKERS = (_HEADER_ENDS, *_TABLES)
_OVERLAP = max(map(len, _MARKERS)) - 1
_TITLE = re.compile(rb"^\s*(PAW|US|NC|PAW_\w+)\b.*$")

NOTE = b"(the text of a POTCAR was removed from here: its licence forbids to pass it on)\n"


@dataclass(frozen=True)
class PotentialFacts:
    """What stays of a potential.

    :param titel: its title, such as ``PAW_PBE Li_sv 10Sep2004``.
    :param lexch: VASP's two letters for its functional.
    :param zval: number of valence electrons.
    :param enmax_eV: recommended cutoff in eV.
    :param sha256: of the text that was removed.
    """

    titel: str
    lexch: str
    zval: str
    enmax_eV: str
    sha256: str

    def as_dict(self) -> dict[str, str]:
        """Return the JSON form."""
        return asdict(self)

    def as_text(self) -> bytes:
        """Return the lines that take the place of the text, in the layout of a POTCAR's header."""
        return (
            f"   TITEL  = {self.titel}\n   LEXCH  = {self.lexch}\n   ZVAL   = {self.zval}\n"
            f"   ENMAX  = {self.enmax_eV} eV\n   SHA-256 of the removed text = {self.sha256}\n"
        ).encode() + NOTE


def holds_potcar_text(chunks: Iterable[bytes]) -> bool:
    """Return whether content given in pieces holds the text of a POTCAR: the end of a header, or two of its tables."""
    seen: set[bytes] = set()
    tail = b""
    for chunk in chunks:
        window = tail + chunk
        seen.update(marker for marker in _MARKERS if marker not in seen and marker in window)
        if _HEADER_ENDS in seen or len(seen) > 1:
            return True
        tail = window[-_OVERLAP:]
    return False


def cut_potcar_text(content: bytes) -> tuple[bytes, tuple[PotentialFacts, ...]]:
    """Return content without the text of POTCARs, and what stays of each.

    Where the parts of a potential cannot be told from what is around it, nothing of the content stays but a note.
    """
    lines = content.splitlines(keepends=True)
    kept: list[bytes] = []
    facts = []
    position = 0
    for begin, end in _datasets(lines):
        fact = _facts(lines[begin:end])
        kept += [*lines[position:begin], fact.as_text()]
        facts.append(fact)
        position = end
    result = b"".join([*kept, *lines[position:]])
    if holds_potcar_text([result]):
        result = b"".join([*(fact.as_text() for fact in facts), NOTE])
    return result, tuple(facts)


def _datasets(lines: list[bytes]) -> list[tuple[int, int]]:
    """Return first line and line after the last of every potential."""
    begins = [index for index, line in enumerate(lines) if _HEADER_BEGINS in line]
    found: list[tuple[int, int]] = []
    for number, middle in enumerate(begins):
        begin = max(middle - 2, found[-1][1] if found else 0)
        while begin < middle and not _TITLE.match(lines[begin]):
            begin += 1
        limit = begins[number + 1] - 2 if number + 1 < len(begins) else len(lines)
        ends = [index for index in range(middle, limit) if _DATASET_ENDS in lines[index]]
        is_log = not ends and not any(_HEADER_ENDS in line for line in lines[middle:limit])
        if not is_log:
            found.append((begin, ends[0] + 1 if ends else limit))
    return found


def _facts(lines: list[bytes]) -> PotentialFacts:
    text = b"".join(lines).split(_HEADER_ENDS)[0].decode("utf-8", errors="replace")

    def tag(name: str, pattern: str) -> str:
        match = re.search(rf"\b{name}\s*=\s*({pattern})", text)
        return match.group(1).strip() if match else "unknown"

    return PotentialFacts(
        titel=tag("TITEL", r"[^\n]*"),
        lexch=tag("LEXCH", r"\w+"),
        zval=tag("ZVAL", r"[\d.]+"),
        enmax_eV=tag("ENMAX", r"[\d.]+"),
        sha256=hashlib.sha256(b"".join(lines)).hexdigest(),
    )
