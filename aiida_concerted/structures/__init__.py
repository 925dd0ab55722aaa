"""Ordering, supercells, distortion, vacancies and elemental references."""
