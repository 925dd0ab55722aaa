"""Projects of DP-GEN: what its files say in the words of a study file, and the data of its finished iterations."""
