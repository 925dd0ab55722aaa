"""The journal mode stays with the file, and a reader no longer keeps a writer out."""

from __future__ import annotations

import sqlite3

import pytest

from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.sqlite import journal_mode, use_write_ahead_log


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "it's a database.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in range(1000)])
    connection.close()
    return path


def write_beside_a_reader(database):
    reader = sqlite3.connect(database)
    cursor = reader.execute("SELECT x FROM t")
    cursor.fetchone()
    writer = sqlite3.connect(database, timeout=0.1)
    try:
        with writer:
            writer.execute("INSERT INTO t VALUES (-1)")
        return len(cursor.fetchall())
    finally:
        writer.close()
        reader.close()


def test_only_the_write_ahead_log_lets_a_writer_pass_a_reader(database):
    assert journal_mode(database) == "delete"
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        write_beside_a_reader(database)
    use_write_ahead_log(database)
    use_write_ahead_log(database)
    assert journal_mode(database) == "wal"
    assert write_beside_a_reader(database) == 999


def test_a_missing_database_is_an_error_and_not_made(tmp_path):
    with pytest.raises(SetupError, match="there is no database"):
        use_write_ahead_log(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_an_error(tmp_path):
    path = tmp_path / "text"
    path.write_text("not a database, but long enough to be looked at as one")
    with pytest.raises(SetupError, match="cannot switch"):
        use_write_ahead_log(path)
