"""What a setup file asks for, in AiiDA's terms; nothing here needs AiiDA."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ProfileWish:
    """A profile.

    :param storage: ``sqlite`` or ``postgresql``.
    :param folder: where files lie; a new folder below AiiDA's configuration when not given.
    :param broker: ``none``, ``zeromq`` or ``rabbitmq``; AiiDA's choice when not given.
    :param connection: host, port, database and user of the database server, without password.
    :param broker_connection: the same of RabbitMQ; empty for AiiDA's defaults.
    :param password_variable: environment variable with the password of the database.
    :param broker_password_variable: environment variable with the password of RabbitMQ.
    """

    name: str
    storage: str = "sqlite"
    email: str = "aiida@localhost"
    folder: Path | None = None
    broker: str | None = None
    connection: dict[str, Any] = field(default_factory=dict)
    broker_connection: dict[str, Any] = field(default_factory=dict)
    password_variable: str = "PGPASSWORD"  # noqa: S105 - a name, not a password
    broker_password_variable: str = "AIIDA_BROKER_PASSWORD"  # noqa: S105


@dataclass(frozen=True)
class ComputerWish:
    """A computer.

    :param transport: entry point of the transport.
    :param scheduler: entry point of the scheduler.
    :param settings: what else the file says of the computer, by the file's names.
    :param authentication: parameters of the transport, by its own names.
    :param has_modules: whether lines of bash before its jobs or its codes call ``module``.
    """

    label: str
    hostname: str
    transport: str
    scheduler: str
    settings: dict[str, Any] = field(default_factory=dict)
    authentication: dict[str, Any] = field(default_factory=dict)
    has_modules: bool = False

    @property
    def is_local(self) -> bool:
        """Return whether it is this machine."""
        return self.transport == "core.local"


@dataclass(frozen=True)
class CodeWish:
    """A code.

    :param plugin: entry point of the calculation that it does.
    :param executable: path or name.
    :param prepend_text: lines of bash before it, those that load modules included.
    :param image: container that it runs in, if any.
    :param engine_command: how the container is run, with ``{image_name}`` in it.
    :param options: scheduler options that its jobs start from.
    :param with_mpi: whether AiiDA lets it run under MPI; left to the calculation when not given.
    """

    label: str
    computer: str
    plugin: str
    executable: str
    description: str = ""
    prepend_text: str = ""
    append_text: str = ""
    image: str | None = None
    engine_command: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    with_mpi: bool | None = None

    @property
    def full_label(self) -> str:
        """Return label and computer as study files name them."""
        return f"{self.label}@{self.computer}"


@dataclass(frozen=True)
class PotcarWish:
    """A POTCAR family.

    :param folder: the user's POTCAR files, or ``None``.
    :param placeholders: whether headers for the surrogate are written instead.
    :param elements: those that it must be there for.
    """

    family: str
    folder: Path | None = None
    placeholders: bool = False
    description: str = ""
    elements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wishes:
    """Everything that a setup file asks for."""

    profile: ProfileWish
    computers: dict[str, ComputerWish]
    codes: list[CodeWish]
    potcars: PotcarWish | None
