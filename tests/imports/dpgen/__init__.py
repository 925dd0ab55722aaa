"""Imports of DP-GEN projects."""
