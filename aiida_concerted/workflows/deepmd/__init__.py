"""WorkChains that train deep potentials."""
