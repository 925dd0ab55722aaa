"""Units, estimates, array checks and the plain data objects every layer shares."""
