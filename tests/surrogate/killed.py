"""An executable that is the surrogate, killed at its first starts as by a wall time."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

KILLED = """#!{python}
# The surrogate with a cheap potential, killed at its first starts as by a wall time: the timer begins when it runs.
import signal, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from aiida_concerted.surrogate.run import run_in_folder
from {module} import {factory} as potential
from tests.surrogate.support import SUBVERSION

def slow(species):
    force_field = potential(species)
    if number < len(delays):
        signal.setitimer(signal.ITIMER_REAL, delays[number])

    def evaluate(*arguments):
        time.sleep({step_s})
        return force_field(*arguments)

    return evaluate

starts = Path({starts!r})
number = len(starts.read_text()) if starts.exists() else 0
starts.write_text("." * (number + 1))
delays = {delays!r}
raise SystemExit(run_in_folder(Path.cwd(), sys.stdout, sys.stderr, factory=slow, subversion=SUBVERSION))
"""


def write_killed_script(
    folder: Path,
    *delays: float,
    step_s: float = 0.02,
    factory: str = "Springs",
    module: str = "tests.surrogate.support",
) -> Path:
    """Return a script that dies this many seconds after its dynamics began, a delay for each of the first starts.

    :param step_s: how long a step takes at least, in s.
    :param factory: what makes the potential, of this module.
    """
    script = folder / "killed-vasp"
    script.write_text(
        KILLED.format(
            python=sys.executable, root=str(Path(__file__).parents[2]), starts=str(folder / "starts"),
            delays=delays, step_s=step_s, factory=factory, module=module,
        )
    )  # fmt: skip
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script
