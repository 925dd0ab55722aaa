"""Profiles, daemons and codes: what a study needs around it before it can run."""
