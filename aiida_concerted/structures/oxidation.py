"""Formal charges of the elements in solid electrolytes."""

OXIDATION_STATES: dict[str, float] = {
    "Li": 1.0, "Na": 1.0, "K": 1.0, "Ag": 1.0, "Mg": 2.0, "Ca": 2.0, "Zn": 2.0, "Al": 3.0, "Y": 3.0, "La": 3.0,
    "In": 3.0, "Sb": 5.0, "Si": 4.0, "Ge": 4.0, "Sn": 4.0, "Ti": 4.0, "Zr": 4.0, "P": 5.0, "Nb": 5.0, "Ta": 5.0,
    "O": -2.0, "S": -2.0, "Se": -2.0, "F": -1.0, "Cl": -1.0, "Br": -1.0, "I": -1.0,
}  # fmt: skip
"""Charge in e that each element has in ionic compounds of these elements; override it where a compound differs."""
