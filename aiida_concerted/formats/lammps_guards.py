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
    """Return a group for each element of the framework, and its mean squared displacement since the run began.

    They must be known before the first run, for a restart file hands the positions of the begin to computes of the same
    name. The centre of mass of all atoms rests; that of an element is not taken out: a cell may hold one atom of it.
    """
    lines = []
    for number, symbol in enumerate(elements, start=1):
        if symbol != carrier:
            lines += [f"group only_{symbol} type {number}", f"compute wander_{symbol} only_{symbol} msd com no"]
    return lines


def melting_guard(elements: list[str], carrier: str, max_displacement_A: float, every: int) -> list[str]:
    """Return the guard that ends a run whose framework no longer keeps to its places.

    It looks at the element that has moved least: corners of tetrahedra change places in sound crystals, too.

    :param max_displacement_A: root mean square displacement in Å, beyond which the framework has melted.
    :param every: steps between two looks.
    """
    framework = [symbol for symbol in elements if symbol != carrier]
    if not framework:
        return []
    lines = [f"variable steady_{framework[0]} equal c_wander_{framework[0]}[4]"]
    for before, symbol in pairwise(framework):
        moved, least = f"c_wander_{symbol}[4]", f"v_steady_{before}"
        lines.append(f"variable steady_{symbol} equal ternary({moved}<{least},{moved},{least})")
    limit = max_displacement_A**2
    return [*lines, f"fix {MELTED} all halt {every} v_steady_{framework[-1]} > {limit:.10g} error hard"]


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
