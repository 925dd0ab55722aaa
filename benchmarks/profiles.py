"""A temporary profile for measurements: SQLite, this machine as computer, engines on one thread."""

from __future__ import annotations

import os
from typing import Any

from benchmarks.engine_log import THREADS


def load_temporary_profile(folder: str) -> Any:
    """Make and load a profile in a folder, and return its computer, this machine without polite waiting times."""
    os.environ["AIIDA_PATH"] = folder
    from aiida import orm
    from aiida.manage.configuration import create_profile, get_config, load_profile

    config = get_config(create=True)
    config.set_option("runner.poll.interval", 1)  # without a broker parents look for finished children by the clock
    storage = {"storage_backend": "core.sqlite_dos", "storage_config": {"filepath": f"{folder}/storage"}}
    create_profile(config, name="bench", email="bench@localhost", **storage)
    load_profile("bench")
    computer = orm.Computer(
        label="localhost", hostname="localhost", transport_type="core.local", scheduler_type="core.direct",
        workdir=f"{folder}/work",
    ).store()  # fmt: skip
    computer.configure(safe_interval=0.0)
    computer.set_minimum_job_poll_interval(1.0)
    computer.set_default_mpiprocs_per_machine(1)
    return computer


def single_thread_code(computer: Any, label: str, program: str, plugin: str) -> Any:
    """Return a stored code that runs an engine on one thread."""
    from aiida import orm

    exports = "\n".join(f"export {name}={value}" for name, value in THREADS.items())
    return orm.InstalledCode(
        label=label, computer=computer, filepath_executable=program, default_calc_job_plugin=plugin,
        prepend_text=exports,
    ).store()  # fmt: skip
