"""SQLite as AiiDA's daemon needs it: write-ahead logging, so that readers never block writers.

AiiDA opens its file in rollback mode with a timeout of five seconds; one slow reader then stalls the daemon and can end
in "database is locked". The journal mode is a property of the file, so that setting it once serves every process.

The timeout is one of each connection. AiiDA makes its engine without arguments of ours (``create_sqla_engine`` takes
the path alone, and no configuration reaches it), and workers of the daemon open theirs before anything of this package
is imported: it stays at five seconds. In write-ahead mode that is the time that one writer waits for another, whose
transactions take milliseconds; what reads never waits.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from aiida_concerted.environment.errors import SetupError

_BUSY_TIMEOUT_S = 30.0


def journal_mode(database: Path) -> str:
    """Return the journal mode of an SQLite file, ``wal`` or ``delete`` as a rule."""
    with closing(_connect(database)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0]).lower()


def use_write_ahead_log(database: Path) -> None:
    """Switch an SQLite file to write-ahead logging; nothing happens where it is already so.

    :raises SetupError: if the file system cannot share memory between processes, as some network file systems.
    """
    try:
        with closing(_connect(database)) as connection:
            mode = str(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]).lower()
    except sqlite3.Error as error:
        raise SetupError(
            f"cannot switch {database} to write-ahead logging ({error}): use a folder on a local disk"
        ) from error
    if mode != "wal":
        raise SetupError(f"{database} stays in journal mode '{mode}': use a folder on a local disk")


def _connect(database: Path) -> sqlite3.Connection:
    if not database.is_file():
        raise SetupError(f"there is no database {database}: start again with --restart")
    return sqlite3.connect(database, timeout=_BUSY_TIMEOUT_S)
