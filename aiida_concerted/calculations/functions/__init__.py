"""Calcfunctions, one a file: unwrap, call one kernel, wrap."""
