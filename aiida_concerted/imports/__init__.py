"""Work done elsewhere enters as nodes that say which files they came from."""
