"""vasprun.xml: the ionic steps of a finished, running or killed VASP calculation, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.common.units import EV_PER_A3_IN_KBAR
from aiida_concerted.formats.byte_stream import ByteStream
from aiida_concerted.formats.energy_settings import EnergySettings, Sampling, known_tags

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_WANTED = ("generator", "incar", "kpoints", "parameters", "atominfo", "structure", "calculation")


@dataclass(frozen=True)
class VasprunStep:
    """One complete ionic step.

    :param index: number of the step in the file, from 1.
    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    :param fractional: fractional positions as written (wrapped), shape ``(n_atoms, 3)``.
    :param energy: VASP's free energy ``e_fr_energy`` in eV, the one consistent with the forces.
    :param forces: forces in eV Å⁻¹, shape ``(n_atoms, 3)``.
    :param stress_kB: stress in kB with VASP's sign, shape ``(3, 3)``; ``None`` where VASP computed none (ISIF 0).
    :param n_electronic: electronic steps taken.
    :param kinetic: kinetic energy of the ions in eV, in molecular dynamics.
    :param conserved: VASP's ``total`` in eV, in molecular dynamics.
    """

    index: int
    cell: FloatArray
    fractional: FloatArray
    energy: float
    forces: FloatArray
    stress_kB: FloatArray | None
    n_electronic: int
    kinetic: float | None = None
    conserved: float | None = None


@dataclass
class VasprunHeader:
    """What stands before the first step; filled while the file is read.

    :param program: name of the program, ``vasp``.
    :param version: its version.
    :param subversion: its build; an executable that stands in for VASP names itself here.
    :param incar: tags of the INCAR as text.
    :param parameters: values in force as text, defaults included.
    :param species: element of each atom.
    :param potentials: title of each type's POTCAR.
    :param elements: element of each type.
    :param divisions: of the mesh of k-points; ``None`` where there is a list of more than one.
    """

    program: str = ""
    version: str = ""
    subversion: str = ""
    incar: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    species: tuple[str, ...] = ()
    potentials: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    divisions: tuple[int, int, int] | None = None

    def settings(self, cell: FloatArray) -> EnergySettings:
        """Return what decides the energies.

        :param cell: lattice vectors of the run as rows in Å, shape ``(3, 3)``.
        """
        return EnergySettings(
            tags=known_tags(self.parameters, self.incar),
            titles=dict(zip(self.elements, self.potentials, strict=False)),
            sampling=None if self.divisions is None else Sampling.of_mesh(self.divisions, cell),
        )

    @property
    def max_electronic_steps(self) -> int | None:
        """Return NELM, the number of electronic steps at which VASP gives up, if the file says it."""
        text = self.parameters.get("NELM")
        return int(text) if text is not None else None


class VasprunReader:
    """A vasprun.xml, gzipped or not, read step by step; iterate over it once.

    After the iteration ``n_truncated`` counts steps that were begun and not finished, and ``is_complete`` says whether
    the document was closed, that is, whether VASP came to its end.

    :param path: the file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.header = VasprunHeader()
        self.n_truncated = 0
        self.is_complete = False
        self.n_bytes_done = 0
        self._n_begun = 0
        self._n_done = 0

    def __iter__(self) -> Iterator[VasprunStep]:
        """Yield every complete ionic step.

        :raises ValueError: if the file cannot be read, or a number of a complete step is not finite.
        """
        # A pull parser reports no end of an element that the file does not close, so a truncated step never appears.
        parser = etree.XMLPullParser(
            events=("start", "end"), tag=(*_WANTED, "modeling"), recover=True, huge_tree=True, resolve_entities=False
        )
        self._n_begun = self._n_done = 0
        with ByteStream(self.path) as stream:
            for chunk in stream:
                parser.feed(chunk)
                self.n_bytes_done = stream.n_done
                yield from self._steps(parser)
        if not self.header.program:
            raise ValueError(f"{self.path} is not a vasprun.xml: it names no generator")
        self.n_truncated = self._n_begun - self._n_done

    def _steps(self, parser: Any) -> Iterator[VasprunStep]:
        """Yield the steps that the parser has completed."""
        for event, element in parser.read_events():
            if event == "start":
                self._n_begun += element.tag == "calculation"
            elif element.tag == "calculation":
                self._n_done += 1
                if self._n_begun > self._n_done:
                    raise ValueError(
                        f"{self.path}: ionic step {self._n_done} is cut off and the file goes on: give the parts apart"
                    )
                yield self._step(element)
                _forget(element)
            elif element.tag == "modeling":
                self.is_complete = True
            elif self._n_begun == 0:
                self._read_header(element)

    def _read_header(self, element: Any) -> None:
        """Take up one element from before the first step."""
        if element.tag == "generator":
            entries = _entries(element)
            self.header.program = entries.get("program", "")
            self.header.version = entries.get("version", "")
            self.header.subversion = entries.get("subversion", "")
        elif element.tag == "incar":
            self.header.incar = _entries(element)
        elif element.tag == "kpoints":
            self.header.divisions = _divisions(element)
        elif element.tag == "parameters":
            self.header.parameters = _entries(element)
        elif element.tag == "atominfo":
            rows = element.findall("array[@name='atoms']/set/rc")
            self.header.species = tuple(_text(row.find("c")) for row in rows)
            rows = element.findall("array[@name='atomtypes']/set/rc")
            self.header.potentials = tuple(_text(row.findall("c")[-1]) for row in rows)
            self.header.elements = tuple(_text(row.findall("c")[1]) for row in rows)

    def _step(self, element: Any) -> VasprunStep:
        """Return one complete step."""
        where = f"{self.path} ionic step {self._n_done}"
        n_atoms = len(self.header.species)
        energies = {i.get("name"): _text(i) for i in element.findall("energy/i")}
        if "e_fr_energy" not in energies:
            raise ValueError(f"{where} has no e_fr_energy")
        stress = element.find("varray[@name='stress']")
        return VasprunStep(
            index=self._n_done,
            cell=_rows(element.find("structure/crystal/varray[@name='basis']"), 3, f"{where}: the cell"),
            fractional=_rows(element.find("structure/varray[@name='positions']"), n_atoms, f"{where}: the positions"),
            energy=_number(energies["e_fr_energy"], f"{where}: e_fr_energy"),
            forces=_rows(element.find("varray[@name='forces']"), n_atoms, f"{where}: the forces"),
            stress_kB=None if stress is None else _rows(stress, 3, f"{where}: the stress"),
            n_electronic=len(element.findall("scstep")),
            kinetic=_number(energies["kinetic"], f"{where}: kinetic") if "kinetic" in energies else None,
            conserved=_number(energies["total"], f"{where}: total") if "total" in energies else None,
        )


@dataclass(frozen=True)
class VasprunFrames:
    """All complete ionic steps of a file.

    :param frames: energies are VASP's free energies; virials where every step has a stress; positions are wrapped.
    :param header: what stands before the first step.
    :param n_electronic: electronic steps of each frame, shape ``(n_frames,)``.
    :param n_truncated: steps that were begun and not finished, and are left out.
    :param is_complete: whether VASP came to its end.
    """

    frames: LabelledFrames
    header: VasprunHeader
    n_electronic: IntArray
    n_truncated: int
    is_complete: bool

    @property
    def unconverged(self) -> IntArray:
        """Return the indices of frames whose electrons did not converge within NELM; they should not be trained on."""
        limit = self.header.max_electronic_steps
        if limit is None:
            return np.zeros(0, dtype=np.int64)
        return np.flatnonzero(self.n_electronic >= limit).astype(np.int64)


def read_vasprun_frames(path: str | Path, *, origin: str = "") -> VasprunFrames:
    """Return every complete ionic step of a vasprun.xml as labelled frames.

    Unconverged frames are kept and named by :attr:`VasprunFrames.unconverged`; nothing is dropped but a step that the
    file does not finish, and that is counted.

    :param origin: UUID of the process that made the file; with it each frame records its origin.
    :raises ValueError: if the file is not readable, holds no complete step, or only some steps have a stress.
    """
    reader = VasprunReader(path)
    steps = list(reader)
    if not steps:
        raise ValueError(f"{path} holds no complete ionic step ({reader.n_truncated} truncated)")
    try:
        frames = frames_of_steps(reader.header.species, steps, origin)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    n_electronic = np.array([step.n_electronic for step in steps], dtype=np.int64)
    return VasprunFrames(frames, reader.header, n_electronic, reader.n_truncated, reader.is_complete)


def frames_of_steps(species: tuple[str, ...], steps: list[VasprunStep], origin: str = "") -> LabelledFrames:
    """Return ionic steps as labelled frames.

    :param species: element of each atom.
    :param steps: at least one.
    :param origin: UUID of the process that computed them; with it each frame records its origin.
    :raises ValueError: if only some steps have a stress.
    """
    stresses = [step.stress_kB for step in steps]
    known = [stress for stress in stresses if stress is not None]
    if 0 < len(known) < len(steps):
        raise ValueError(f"{len(known)} of {len(steps)} ionic steps have a stress; it must be all or none")
    cells = np.array([step.cell for step in steps])
    virials = None
    if known:
        virials = np.array(known) * np.abs(np.linalg.det(cells))[:, None, None] / EV_PER_A3_IN_KBAR
    return LabelledFrames(
        species=species,
        cells=cells,
        positions=np.array([step.fractional @ step.cell for step in steps]),
        energies=np.array([step.energy for step in steps]),
        forces=np.array([step.forces for step in steps]),
        virials=virials,
        origins=tuple((origin, step.index) for step in steps) if origin else (),
    )


def _divisions(element: Any) -> tuple[int, int, int] | None:
    """Return the divisions of a mesh; those of Γ where it is the one point of a list."""
    found = element.find("generation/v[@name='divisions']")
    if found is not None:
        words = _text(found).split()
        is_mesh = len(words) == 3 and all(word.isdigit() and int(word) > 0 for word in words)
        return (int(words[0]), int(words[1]), int(words[2])) if is_mesh else None
    points = [_text(v).split() for v in element.findall("varray[@name='kpointlist']/v")]
    return (1, 1, 1) if len(points) == 1 and all(word.strip("-0.") == "" for word in points[0]) else None


def _forget(element: Any) -> None:
    """Free an element and all before it, so that memory does not grow with the number of steps."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


def _entries(element: Any) -> dict[str, str]:
    """Return all named values below an element; of a name given twice the first holds."""
    entries: dict[str, str] = {}
    for item in element.iter("i", "v"):
        entries.setdefault((item.get("name") or "").strip(), _text(item))
    return entries


def _text(element: Any) -> str:
    """Return the text of an element without the padding that VASP leaves."""
    return (element.text or "").strip()


def _number(text: str, what: str) -> float:
    """Return one finite number."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise ValueError(f"{what} is '{text}' where a number is needed")
    return value


def _rows(element: Any, n_rows: int, what: str) -> FloatArray:
    """Return the numbers of a ``varray``, shape ``(n_rows, 3)``."""
    if element is None:
        raise ValueError(f"{what} are missing")
    try:
        rows = np.array([[float(word) for word in _text(v).split()] for v in element.findall("v")], dtype=np.float64)
    except ValueError:
        raise ValueError(f"{what} hold something that is not a number") from None
    if rows.shape != (n_rows, 3) or not np.isfinite(rows).all():
        raise ValueError(f"{what} must be {n_rows} rows of 3 finite numbers, got shape {rows.shape}")
    return rows
