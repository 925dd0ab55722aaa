"""WorkChains that run VASP."""
