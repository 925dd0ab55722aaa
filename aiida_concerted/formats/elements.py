"""Symbols and standard atomic weights of the elements (IUPAC 2021, abridged; the longest-lived isotope where none)."""

from __future__ import annotations

_TABLE = """
H 1.008 He 4.0026 Li 6.94 Be 9.0122 B 10.81 C 12.011 N 14.007 O 15.999 F 18.998 Ne 20.180 Na 22.990 Mg 24.305
Al 26.982 Si 28.085 P 30.974 S 32.06 Cl 35.45 Ar 39.95 K 39.098 Ca 40.078 Sc 44.956 Ti 47.867 V 50.942 Cr 51.996
Mn 54.938 Fe 55.845 Co 58.933 Ni 58.693 Cu 63.546 Zn 65.38 Ga 69.723 Ge 72.630 As 74.922 Se 78.971 Br 79.904 Kr 83.798
Rb 85.468 Sr 87.62 Y 88.906 Zr 91.224 Nb 92.906 Mo 95.95 Tc 97 Ru 101.07 Rh 102.91 Pd 106.42 Ag 107.87 Cd 112.41
In 114.82 Sn 118.71 Sb 121.76 Te 127.60 I 126.90 Xe 131.29 Cs 132.91 Ba 137.33 La 138.91 Ce 140.12 Pr 140.91 Nd 144.24
Pm 145 Sm 150.36 Eu 151.96 Gd 157.25 Tb 158.93 Dy 162.50 Ho 164.93 Er 167.26 Tm 168.93 Yb 173.05 Lu 174.97 Hf 178.49
Ta 180.95 W 183.84 Re 186.21 Os 190.23 Ir 192.22 Pt 195.08 Au 196.97 Hg 200.59 Tl 204.38 Pb 207.2 Bi 208.98 Po 209
At 210 Rn 222 Fr 223 Ra 226 Ac 227 Th 232.04 Pa 231.04 U 238.03
"""
_WORDS = _TABLE.split()

SYMBOLS = tuple(_WORDS[::2])
"""Symbols in the order of the atomic number, beginning with hydrogen."""

ATOMIC_NUMBERS = {symbol: number for number, symbol in enumerate(SYMBOLS, start=1)}
"""Atomic number by symbol."""

WEIGHTS = {symbol: float(weight) for symbol, weight in zip(_WORDS[::2], _WORDS[1::2], strict=True)}
"""Standard atomic weight in g/mol by symbol."""

_SLACK = 0.02


def symbol_of(label: str) -> str | None:
    """Return the element that a label names, ``None`` where it names none.

    ``Li``, ``LI``, ``Li1``, ``Li_sv`` and ``Li+`` are lithium.
    """
    letters = label.strip()
    end = next((i for i, letter in enumerate(letters) if not letter.isalpha()), len(letters))
    letters = letters[:end].capitalize()
    return letters if letters in WEIGHTS else None


def symbol_of_number(number: int) -> str:
    """Return the symbol of an atomic number.

    :raises ValueError: if there is no such element here.
    """
    if not 1 <= number <= len(SYMBOLS):
        raise ValueError(f"there is no element with the atomic number {number}")
    return SYMBOLS[number - 1]


def symbol_of_mass(mass: float) -> str | None:
    """Return the element whose atomic weight is nearest, ``None`` where none is within two per cent.

    Deuterium and lithium isotopes are not told; neighbours such as cobalt and nickel are, by their weights.

    :param mass: in g/mol.
    """
    symbol = min(WEIGHTS, key=lambda name: abs(WEIGHTS[name] - mass))
    return symbol if abs(WEIGHTS[symbol] - mass) <= _SLACK * WEIGHTS[symbol] else None
