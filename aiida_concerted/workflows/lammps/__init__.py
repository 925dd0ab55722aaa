"""WorkChains that run LAMMPS."""
