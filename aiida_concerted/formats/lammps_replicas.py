"""How LAMMPS is told to run several replicas at once, each in a folder of its own."""

from __future__ import annotations

from aiida_concerted.formats.lammps_input import LOG


def enter(name: str) -> str:
    """Return what the script of a replica begins with, after which its folder is the one that LAMMPS works in."""
    return f"shell cd {name}\n"


def words_of_process(name: str, script: str) -> list[str]:
    """Return the arguments of a LAMMPS that runs one replica in its folder.

    :param script: name of the script in that folder.
    """
    return ["-in", f"{name}/{script}", "-log", f"{name}/{LOG}", "-screen", "none"]


def words_of_partitions(n_replicas: int, n_processes: int, script: str) -> list[str]:
    """Return the arguments of a LAMMPS whose partitions are the replicas.

    :param n_processes: processes of each.
    :param script: name of what :func:`partitions_script` returns.
    """
    quiet = ["-log", "none", "-plog", "none", "-screen", "none", "-pscreen", "none"]
    return ["-partition", f"{n_replicas}x{n_processes}", "-in", script, *quiet]


def partitions_script(names: list[str], script: str) -> str:
    """Return the script of a LAMMPS whose partitions are the replicas, each with the log that it would have alone.

    LAMMPS opens the logs of partitions under names of its own; the first line of ours says which version wrote it, as
    that of every other log does.

    :param names: of the replicas.
    :param script: name of the script in the folder of each.
    """
    lines = [
        "echo none",
        f"variable replica world {' '.join(names)}",
        f"log ${{replica}}/{LOG}",
        'print "LAMMPS ($(version:%.0f))"',
        "echo log",
        f"include ${{replica}}/{script}",
    ]
    return "\n".join(lines) + "\n"
