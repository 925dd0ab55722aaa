"""Commands by which LAMMPS itself ends a run that has nothing more to tell: a framework that melts, a wrong heat bath.

Each guard is a ``fix halt`` whose name LAMMPS puts into its error, by which the parser knows what happened.
"""

from __future__ import annotations

from itertools import pairwise

MELTED, ADRIFT = "melted", "adrift"
"""Names of the guards in LAMMPS' scripts and errors."""

TEMPERATURE_WINDOW_PS = 10.0
"""Time in ps over which the temperature is averaged: that of 50 atoms then scatters by one or two in a hundred."""

TEMPERATURE_STEPS = 10
"""Steps between two temperatures of the average."""


def framework_groups(elements: list[str], carrier: str) -> list[str]:
    """Return a group for each element of the framework, and how far its atoms are from where the run began.

    They must be known before the first run, for a restart file hands the positions of the begin to computes of the same
    name.
    """
    framework = [symbol for symbol in elements if symbol != carrier]
    if not framework:
        return []
    lines = ["compute away framework displace/atom", f"compute drift framework reduce ave {_AWAY}"]
    for symbol in framework:
        lines += [
            f"group only_{symbol} type {elements.index(symbol) + 1}",
            f"compute mean_{symbol} only_{symbol} reduce ave {_AWAY}",
            f"compute square_{symbol} only_{symbol} reduce avesq {_AWAY}",
        ]
    return lines


_AWAY = " ".join(f"c_away[{axis}]" for axis in (1, 2, 3))


def melting_guard(elements: list[str], carrier: str, max_displacement_A: float, every: int) -> list[str]:
    """Return the guard that ends a run whose framework no longer keeps to its places.

    Displacements are those from the framework's own centre, for the crystal as a whole may drift. It looks at the
    element that has moved least: corners of tetrahedra change places in sound crystals, too.

    :param max_displacement_A: root mean square displacement in Å, beyond which the framework has melted.
    :param every: steps between two looks.
    """
    framework = [symbol for symbol in elements if symbol != carrier]
    if not framework:
        return []
    lines = [f"variable moved_{symbol} equal {_moved(symbol)}" for symbol in framework]
    lines.append(f"variable steady_{framework[0]} equal v_moved_{framework[0]}")
    for before, symbol in pairwise(framework):
        moved, least = f"v_moved_{symbol}", f"v_steady_{before}"
        lines.append(f"variable steady_{symbol} equal ternary({moved}<{least},{moved},{least})")
    limit = max_displacement_A**2
    return [*lines, f"fix {MELTED} all halt {every} v_steady_{framework[-1]} > {limit:.10g} error hard"]


def _moved(symbol: str) -> str:
    """Return the mean of the squared displacements of an element less the drift: <u²> - 2 <u> d + d²."""
    parts = (
        f"c_square_{symbol}[{axis}]-2*c_mean_{symbol}[{axis}]*c_drift[{axis}]+c_drift[{axis}]*c_drift[{axis}]"
        for axis in (1, 2, 3)
    )
    return "+".join(parts)


def temperature_guard(temperature_K: float, tolerance: float, timestep_ps: float) -> list[str]:
    """Return the guard that ends a production whose mean temperature is not that of its heat bath.

    :param temperature_K: of the heat bath in K.
    :param tolerance: largest relative difference.
    """
    n_values = max(1, round(TEMPERATURE_WINDOW_PS / timestep_ps / TEMPERATURE_STEPS))
    window = n_values * TEMPERATURE_STEPS
    return [
        "compute heat all temp",
        f"fix heat all ave/time {TEMPERATURE_STEPS} {n_values} {window} c_heat",
        # before the first average is full the fix holds zero
        f"variable off equal ternary(f_heat>0,abs(f_heat/{temperature_K:.10g}-1),0)",
        f"fix {ADRIFT} all halt {window} v_off > {tolerance:.10g} error hard",
    ]
