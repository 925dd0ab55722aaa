"""WorkChains in three storeys: mend one run, do one task, compose tasks."""
