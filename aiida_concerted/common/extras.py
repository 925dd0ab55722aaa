"""Names of what we note at processes of AiiDA, apart from it: they are read without AiiDA too."""

REUSED = "concerted_reused"
"""``label`` and ``uuid`` of everything that a process uses without having called it, in a list."""

LEFT_OUT = "left_out_of_archive"
"""At a process from an archive that was made smaller: labels of the ``inputs`` and ``outputs`` that it lacks."""
