"""Trajectories in, numbers with errors out; numpy, scipy and numba only."""
