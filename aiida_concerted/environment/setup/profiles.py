"""Profiles: found, compared with what is wanted, made."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.setup.step import Step, describe_differences
from aiida_concerted.environment.setup.wishes import ProfileWish
from aiida_concerted.environment.sqlite import use_write_ahead_log

if TYPE_CHECKING:
    from aiida.manage.configuration.profile import Profile

STORAGES = {"sqlite": "core.sqlite_dos", "postgresql": "core.psql_dos"}
BROKERS = {"none": None, "zeromq": "core.zeromq", "rabbitmq": "core.rabbitmq"}
_CONNECTION = {
    "host": "database_hostname",
    "port": "database_port",
    "database": "database_name",
    "user": "database_username",
}
_DATABASE, _FILES = "database.sqlite", "container"
_CONNECT_TIMEOUT_S = 20  # chosen: a server in another building answers within it

Ask = Callable[[str, str], str]
"""Returns a password: the environment variable that may hold it, and what it is for."""


def look_at_profile(config: Any, wish: ProfileWish, ask: Ask) -> Step:
    """Return whether the profile is there, and what would make it.

    :param config: AiiDA's configuration, or ``None`` where there is none yet.
    :param ask: called for a password only while the profile is made.
    """
    subject = f"profile {wish.name}"
    if config is None or wish.name not in config.profile_names:
        if wish.folder is not None:
            _refuse_filled(wish.folder)
        return Step(subject, "missing", _describe(wish), lambda: _make(wish, ask))
    profile = config.get_profile(wish.name)
    differences = _differences(profile, wish)
    if differences:
        cure = "a profile keeps its storage; choose another name, or take the file's keys back"
        if differences.startswith("broker"):
            cure = f"see 'verdi profile configure-broker --help', or take the file's key back; profile '{wish.name}'"
        return Step(subject, "differs", f"{differences}: {cure}")
    if not is_whole(profile):
        return Step(subject, "unfinished", "has no user yet", lambda: _make_user(profile, wish.email))
    return Step(subject, "agrees", _describe_made(profile))


def make_profile(config: Any, wish: ProfileWish, ask: Ask) -> Profile:
    """Make a profile with its storage and its user; the first of a configuration becomes its default.

    :raises SetupError: if the storage cannot be made. Passwords are in no message.
    """
    from aiida.common.log import override_log_level
    from aiida.manage.configuration import create_profile

    storage, secret = _storage(config, wish, ask)
    broker, broker_settings = _broker(wish, ask)
    try:
        with override_log_level():
            profile = create_profile(
                config,
                name=wish.name,
                email=wish.email,
                storage_backend=STORAGES[wish.storage],
                storage_config=storage,
                broker_backend=broker,
                broker_config=broker_settings,
            )
    except Exception as error:  # the storage's libraries raise what they like
        raise SetupError(f"profile {wish.name} cannot be made: {_first_line(error, secret)}") from None
    if wish.storage == "sqlite":
        use_write_ahead_log(Path(profile.storage_config["filepath"]) / _DATABASE)
    if config.default_profile_name is None:
        config.set_default_profile(wish.name)
        config.store()
    return profile


def is_whole(profile: Profile) -> bool:
    """Return whether a profile was made to its end, of which the user is the last step."""
    return profile.default_user_email is not None


def load(name: str) -> Profile:
    """Load a profile, its storage included.

    :raises SetupError: if it cannot be opened, saying why and what to do.
    """
    from aiida.common.exceptions import AiidaException, IncompatibleStorageSchema, UnreachableStorage
    from aiida.common.log import override_log_level
    from aiida.manage import get_manager
    from aiida.manage.configuration import load_profile

    try:
        with override_log_level():
            profile = load_profile(name, allow_switch=True)
            get_manager().get_profile_storage()
    except IncompatibleStorageSchema as error:
        raise SetupError(
            f"the storage of profile '{name}' is of another version of AiiDA: verdi -p {name} storage migrate"
        ) from error
    except UnreachableStorage as error:
        cure = f"start the server; 'verdi profile show {name}' says where it is looked for"
        raise SetupError(f"the database of profile '{name}' cannot be reached: {cure}") from error
    except AiidaException as error:
        raise SetupError(
            f"profile '{name}' cannot be opened ({_first_line(error)}): see 'verdi profile list'"
        ) from error
    return profile


def _make(wish: ProfileWish, ask: Ask) -> str:
    """Make a profile and return what it is like, and whether it is the one that commands take by themselves."""
    config = _configuration()
    profile = make_profile(config, wish, ask)
    if config.default_profile_name == wish.name:
        return _describe_made(profile)
    return f"{_describe_made(profile)}; not the default one: name it by --profile {wish.name}"


def _describe_made(profile: Profile) -> str:
    return f"{profile.storage_backend}, broker {profile.process_control_backend or 'none'}"


def _make_user(profile: Profile, email: str) -> str:
    from aiida.manage.configuration import create_default_user
    from aiida.orm import User

    load(profile.name)
    known = User.collection.find(filters={"email": email})
    if known:  # killed between the user and the note of it
        from aiida.manage import get_manager

        get_manager().set_default_user_email(profile, email)
    else:
        create_default_user(profile, email)
    _configuration().store()
    return f"{_describe_made(profile)}; what an interrupted setup had begun is finished"


def _configuration() -> Any:
    from aiida.manage.configuration import get_config

    return get_config(create=True)


def _describe(wish: ProfileWish) -> str:
    place = f" in {wish.folder}" if wish.folder is not None else ""
    kind = "SQLite" if wish.storage == "sqlite" else "PostgreSQL database {database} of {user} at {host}:{port}"
    broker = wish.broker or "RabbitMQ where one runs here, else ZeroMQ"
    return f"{kind.format(**wish.connection)}{place}, broker {broker}"


def _differences(profile: Profile, wish: ProfileWish) -> str:
    there = profile.storage_config
    pairs: list[tuple[str, Any, Any]] = [("storage", profile.storage_backend, STORAGES[wish.storage])]
    if pairs[0][1] == pairs[0][2]:
        pairs += [(key, there.get(_CONNECTION[key]), value) for key, value in wish.connection.items()]
        if wish.folder is not None:
            found = there["filepath"] if wish.storage == "sqlite" else there["repository_uri"]
            wanted = str(wish.folder) if wish.storage == "sqlite" else wish.folder.as_uri()
            pairs.append(("folder", found, wanted))
    if wish.broker is not None:
        pairs.append(("broker", profile.process_control_backend, BROKERS[wish.broker]))
    return describe_differences(pairs)


def _storage(config: Any, wish: ProfileWish, ask: Ask) -> tuple[dict[str, Any], str]:
    """Return the storage's configuration, and the password in it."""
    if wish.storage == "sqlite":
        if wish.folder is None:
            return {}, ""
        _clear_leftover(wish.folder)
        return {"filepath": str(wish.folder)}, ""
    password = ask(wish.password_variable, f"database '{wish.connection['database']}'")
    folder = wish.folder or Path(config.dirpath) / "repository" / wish.name
    connect(wish, password)
    connection = {_CONNECTION[key]: value for key, value in wish.connection.items()}
    return {**connection, "database_password": password, "repository_uri": folder.as_uri()}, password


def connect(wish: ProfileWish, password: str) -> None:
    """Connect to the database that a profile is to have, and leave it.

    :raises SetupError: if that fails, or the database is in use by a profile; the password is not in the message.
    """
    import psycopg

    said = wish.connection
    try:
        with psycopg.connect(
            host=said["host"],
            port=said["port"],
            dbname=said["database"],
            user=said["user"],
            password=password,
            connect_timeout=_CONNECT_TIMEOUT_S,
        ) as connection:
            used = _has_user(connection)
    except psycopg.Error as error:
        raise SetupError(
            f"PostgreSQL at {said['host']}:{said['port']} refuses ({_first_line(error, password)}): start it, or "
            f"create role '{said['user']}' and database '{said['database']}'"
        ) from None
    if used:
        raise SetupError(f"database '{said['database']}' holds the data of an AiiDA profile: give an empty one")


def _has_user(connection: Any) -> bool:
    """Return whether a database is that of a profile; what an interrupted setup left has no user yet."""
    if connection.execute("SELECT to_regclass('db_dbuser')").fetchone()[0] is None:
        return False
    return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM db_dbuser)").fetchone()[0])


def _broker(wish: ProfileWish, ask: Ask) -> tuple[str | None, dict[str, Any] | None]:
    """Return entry point and configuration of the broker."""
    from aiida.brokers.rabbitmq.defaults import BROKER_DEFAULTS, detect_rabbitmq_config
    from aiida.common.log import override_log_level
    from aiida.plugins import BrokerFactory

    if wish.broker == "none":
        return None, None
    if wish.broker is None:
        try:
            with override_log_level():  # it would write the password into the log
                return "core.rabbitmq", detect_rabbitmq_config()
        except ConnectionError:
            pass
    if wish.broker == "rabbitmq":
        said = {**BROKER_DEFAULTS, **_rename(wish.broker_connection, {"user": "username"})}
        if said["username"] != BROKER_DEFAULTS["username"]:
            said["password"] = ask(wish.broker_password_variable, f"RabbitMQ's user '{said['username']}'")
        return "core.rabbitmq", {f"broker_{key}": value for key, value in said.items()}
    return "core.zeromq", BrokerFactory("core.zeromq").get_default_config()


def _rename(content: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in content.items()}


def _refuse_filled(folder: Path) -> None:
    """Refuse a folder that holds something else than what an interrupted setup left."""
    if folder.is_dir() and any(folder.iterdir()) and not _is_leftover(folder):
        raise SetupError(f"profile.folder: {folder} is not empty: name a new folder")
    if folder.exists() and not folder.is_dir():
        raise SetupError(f"profile.folder: {folder} is a file: name a new folder")


def _is_leftover(folder: Path) -> bool:
    """Return whether a folder holds no more than a storage that nobody has used: one without a user."""
    if any(not entry.name.startswith((_DATABASE, _FILES)) for entry in folder.iterdir()):
        return False
    database = folder / _DATABASE
    if not database.is_file():
        return True
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return not connection.execute("SELECT COUNT(*) FROM db_dbuser").fetchone()[0]
    except sqlite3.Error as error:
        return "no such table" in str(error)


def _clear_leftover(folder: Path) -> None:
    _refuse_filled(folder)
    if folder.is_dir():
        for entry in folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def _first_line(error: Exception, secret: str = "") -> str:
    text = " ".join(str(error).split())
    return (text.replace(secret, "***") if secret else text)[:300]
