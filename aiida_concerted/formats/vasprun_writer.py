"""vasprun.xml, written step by step so that an interrupted run leaves what an interrupted VASP leaves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.incar import as_logical
from aiida_concerted.formats.poscar import Poscar
from aiida_concerted.formats.vasp_output import IonicStep, Parameter, RunDescription, wrap

FloatArray = NDArray[np.float64]


class Writable(Protocol):
    """What is needed of a text file."""

    def write(self, text: str, /) -> int:
        """Write a text."""

    def flush(self) -> None:
        """Flush the file."""


class VasprunWriter:
    """A vasprun.xml that grows; each call leaves a flushed file.

    :param stream: a text file open for writing; the caller closes it.
    """

    def __init__(self, stream: Writable) -> None:
        self._stream = stream

    def begin(self, run: RunDescription) -> None:
        """Write all that comes before the first step."""
        parts = [
            '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n',
            _generator(run),
            _incar(run),
            _kpoints(run),
            _parameters(run),
            _atominfo(run),
            _initial_structure(run.poscar),
        ]
        self._write("".join(parts))

    def step(self, step: IonicStep) -> None:
        """Write one ionic step."""
        wall, cpu = step.seconds
        time = f"{cpu:8.2f}{wall:8.2f}"
        energies = _energies(step, indent=3)
        electronic = f'  <scstep>\n   <time name="dav">{time}</time>\n{energies}  </scstep>\n'
        parts = [
            f" <calculation>\n{electronic * step.n_electronic}",
            _structure(step.cell, step.fractional, "", indent=2),
            _varray("forces", step.forces, indent=2),
            "" if step.stress_kB is None else _varray("stress", step.stress_kB, indent=2),
            _energies(step, indent=2, with_motion=True),
            f'  <time name="totalsc">{time}</time>\n </calculation>\n',
        ]
        self._write("".join(parts))

    def end(self, cell: FloatArray, fractional: FloatArray) -> None:
        """Write the final structure and close the document."""
        self._write(_structure(cell, wrap(fractional), ' name="finalpos" ', indent=1) + "</modeling>\n")

    def _write(self, text: str) -> None:
        self._stream.write(text.encode("ascii", errors="xmlcharrefreplace").decode("ascii"))
        self._stream.flush()


def _generator(run: RunDescription) -> str:
    """Return the element that says what made the file."""
    date, time = run.started
    entries = {
        "program": "vasp ",
        "version": f"{run.version}  ",
        "subversion": run.subversion,
        "platform": "LinuxGNU ",
        "date": f"{date} ",
        "time": f"{time} ",
    }
    rows = "".join(f'  <i name="{name}" type="string">{escape(text)}</i>\n' for name, text in entries.items())
    return f" <generator>\n{rows} </generator>\n"


def _incar(run: RunDescription) -> str:
    """Return the tags as given, typed by their look as VASP types them by their meaning."""
    rows = "".join("  " + _item(tag, _typed(tag, value)) for tag, value in run.incar.items())
    return f" <incar>\n{rows} </incar>\n"


def _typed(tag: str, value: str) -> Parameter | Sequence[float]:
    """Return a tag's text as the type that it looks like."""
    if tag in {"SYSTEM", "PREC", "ALGO", "GGA", "METAGGA"}:
        return value
    truth = as_logical(value)
    if truth is not None:
        return truth
    try:
        numbers = [float(word) for word in value.split()]
    except ValueError:
        return value
    if len(numbers) > 1:
        return numbers
    return int(value) if value.lstrip("+-").isdigit() else numbers[0]


def _item(name: str, value: Parameter | Sequence[float]) -> str:
    """Return one ``i`` or ``v`` element."""
    if isinstance(value, bool):
        return f'<i type="logical" name="{name}"> {"T" if value else "F"}  </i>\n'
    if isinstance(value, int):
        return f'<i type="int" name="{name}">{value:6d}</i>\n'
    if isinstance(value, float):
        return f'<i name="{name}">{_real(value)}</i>\n'
    if isinstance(value, str):
        return f'<i type="string" name="{name}">{escape(value)}</i>\n'
    return f'<v name="{name}">{"".join(_real(x) for x in value)}</v>\n'


def _real(value: float) -> str:
    """Return a number with eight decimals, or with an exponent where these would lose it."""
    return f"{value:16.8f}" if value == 0 or abs(value) >= 1e-4 else f"{value:16.8E}"


def _kpoints(run: RunDescription) -> str:
    """Return the points of the Brillouin zone."""
    kpoints, generation = run.kpoints, ""
    if kpoints.divisions is not None:
        divisions = "".join(f"{n:9d}" for n in kpoints.divisions)
        generation = (
            f'  <generation param="{kpoints.style}">\n   <v type="int" name="divisions">{divisions} </v>\n'
            f'   <v name="usershift">{_row(kpoints.shift, 17)} </v>\n  </generation>\n'
        )
    weights = _varray("weights", kpoints.weights[:, None], indent=2)
    return f" <kpoints>\n{generation}{_varray('kpointlist', kpoints.points, indent=2)}{weights} </kpoints>\n"


def _parameters(run: RunDescription) -> str:
    """Return the values in force, defaults included."""
    text = " <parameters>\n"
    for group, values in run.parameters.items():
        rows = "".join("   " + _item(name, value) for name, value in values.items())
        text += f'  <separator name="{group}" >\n{rows}  </separator>\n'
    return text + " </parameters>\n"


def _atominfo(run: RunDescription) -> str:
    """Return the atoms and their types."""
    counts, potentials = run.poscar.counts, run.potentials
    atoms = "".join(
        f"    <rc><c>{potential.element:<2s}</c><c>{number:4d}</c></rc>\n" * count
        for number, (count, potential) in enumerate(zip(counts, potentials, strict=True), start=1)
    )
    types = "".join(
        f"    <rc><c>{count:4d}</c><c>{p.element:<2s}</c><c>{p.mass:16.8f}</c><c>{p.valence:16.8f}</c>"
        f"<c>  {escape(p.titel):<40s}</c></rc>\n"
        for count, p in zip(counts, potentials, strict=True)
    )
    return (
        f" <atominfo>\n  <atoms>{sum(counts):8d} </atoms>\n  <types>{len(counts):8d} </types>\n"
        '  <array name="atoms" >\n   <dimension dim="1">ion</dimension>\n   <field type="string">element</field>\n'
        f'   <field type="int">atomtype</field>\n   <set>\n{atoms}   </set>\n  </array>\n'
        '  <array name="atomtypes" >\n   <dimension dim="1">type</dimension>\n'
        '   <field type="int">atomspertype</field>\n   <field type="string">element</field>\n   <field>mass</field>\n'
        '   <field>valence</field>\n   <field type="string">pseudopotential</field>\n'
        f"   <set>\n{types}   </set>\n  </array>\n </atominfo>\n"
    )


def _initial_structure(poscar: Poscar) -> str:
    """Return the initial structure, with selective dynamics and velocities where given."""
    extra = ""
    if poscar.selective is not None:
        rows = "".join(
            "   <v>" + "".join(" T " if f else " F " for f in flags) + "</v>\n" for flags in poscar.selective
        )
        extra += f'  <varray type="logical"  name="selective" >\n{rows}  </varray>\n'
    if poscar.velocities is not None:
        extra += _varray("velocities", poscar.velocities, indent=2)
    return _structure(poscar.cell, wrap(poscar.fractional), ' name="initialpos" ', indent=1, extra=extra)


def _structure(cell: FloatArray, fractional: FloatArray, attributes: str, *, indent: int, extra: str = "") -> str:
    """Return a ``structure`` element."""
    pad = " " * indent
    reciprocal = np.linalg.inv(cell).T.astype(np.float64)
    return (
        f"{pad}<structure{attributes}>\n{pad} <crystal>\n{_varray('basis', cell, indent=indent + 2)}"
        f'{pad}  <i name="volume">{abs(np.linalg.det(cell)):16.8f} </i>\n'
        f"{_varray('rec_basis', reciprocal, indent=indent + 2)}{pad} </crystal>\n"
        f"{_varray('positions', fractional, indent=indent + 1)}{extra}{pad}</structure>\n"
    )


def _energies(step: IonicStep, *, indent: int, with_motion: bool = False) -> str:
    """Return an ``energy`` element; without electrons, all of VASP's three energies are the same number."""
    values = dict.fromkeys(("e_fr_energy", "e_wo_entrp", "e_0_energy"), step.energy)
    if with_motion and step.motion is not None:
        values["kinetic"] = step.motion.kinetic
        values["lattice kinetic"] = 0.0
        values["nosepot"] = step.motion.thermostat_potential
        values["nosekinetic"] = step.motion.thermostat_kinetic
        values["total"] = step.conserved
    pad = " " * indent
    rows = "".join(f'{pad} <i name="{name}">{value:16.8f} </i>\n' for name, value in values.items())
    return f"{pad}<energy>\n{rows}{pad}</energy>\n"


def _varray(name: str, rows: FloatArray, *, indent: int) -> str:
    """Return a ``varray`` element."""
    pad = " " * indent
    text = "".join(f"{pad} <v>{_row(row, 17)} </v>\n" for row in rows)
    return f'{pad}<varray name="{name}" >\n{text}{pad}</varray>\n'


def _row(numbers: Iterable[float], width: int) -> str:
    """Return numbers with eight decimals."""
    return "".join(f"{number:{width}.8f}" for number in numbers)
