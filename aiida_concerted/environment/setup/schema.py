"""What a setup file may hold, as a JSON schema; nothing here needs AiiDA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SCHEMA = "aiida-concerted/setup/1"

Node = dict[str, Any]

TRANSPORTS: Mapping[str, str] = {"local": "core.local", "ssh": "core.ssh_async"}

SCHEDULERS: Mapping[str, str] = {
    "direct": "core.direct",
    "slurm": "core.slurm",
    "pbspro": "concerted.pbspro",  # the plugins of this package, which know GPUs
    "torque": "concerted.torque",
    "lsf": "core.lsf",
    "sge": "core.sge",
}

PROGRAMS: Mapping[str, str] = {"dp": "concerted.deepmd.train", "lmp": "concerted.lammps.md", "vasp": "vasp.vasp"}
"""The calculation that a program does."""

SSH_OPTIONS: Mapping[str, tuple[str, Node]] = {
    "host": ("host", {"type": "string", "description": "as in 'ssh HOST'; hostname when not given"}),
    "transfer_host": ("data_node_host", {"type": "string", "description": "machine that files go through"}),
    "backend": ("backend", {"enum": ["asyncssh", "openssh"], "description": "which program connects"}),
    "script": ("authentication_script", {"type": "string", "description": "local script run before connecting"}),
    "max_transfers": ("max_io_allowed", {"type": "integer", "minimum": 1, "description": "transfers at a time"}),
    "sftp": ("use_sftp", {"type": "boolean", "description": "whether the machine speaks SFTP"}),
}
"""Name in the transport, and kind, of each option of a connection."""

_LABEL = r"^[A-Za-z0-9][\w.+-]*$"


def setup_schema() -> Node:
    """Return the JSON schema of a setup file."""
    properties: Node = {
        "schema": {"const": SCHEMA, "description": "which kind of file this is"},
        "profile": _profile(),
        "computers": _named(_computer(), "computers by label"),
        "codes": _named(_code(), "codes by label and computer, such as dp@cluster"),
        "options": {**_options(), "description": "scheduler options that the jobs of every code start from"},
        "potcars": _potcars(),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Setup of aiida-concerted",
        **_section(properties, "schema", "profile"),
    }


def _profile() -> Node:
    password = _text("environment variable that holds the password; asked for where it is not set")
    port: Node = {"type": "integer", "minimum": 1}
    postgresql = {
        "host": {**_text("machine of the server"), "default": "localhost"},
        "port": {**port, "default": 5432},
        "database": _text("name of an empty database"),
        "user": _text("role that owns the database"),
        "password_variable": {**password, "default": "PGPASSWORD"},
    }
    rabbitmq = {
        "host": {**_text("machine of the server"), "default": "127.0.0.1"},
        "port": {**port, "default": 5672},
        "user": {**_text("user"), "default": "guest"},
        "virtual_host": {**_text("virtual host"), "default": ""},
        "password_variable": {**password, "default": "AIIDA_BROKER_PASSWORD"},
    }
    return _section(
        {
            "name": {"type": "string", "pattern": _LABEL, "description": "a name of letters, digits, '-', '_' and '.'"},
            "email": {**_text("whose name nodes carry"), "default": "aiida@localhost"},
            "storage": {"enum": ["sqlite", "postgresql"], "description": "kind of database", "default": "sqlite"},
            "folder": _text("where files (and SQLite's database) lie; below AiiDA's configuration when not given"),
            "postgresql": _section(postgresql, "database", "user"),
            "broker": {
                "enum": ["none", "zeromq", "rabbitmq"],
                "description": "what the daemon listens to; RabbitMQ where one runs here, else ZeroMQ, when not given",
            },
            "rabbitmq": _section(rabbitmq),
        },
        "name",
    )


def _computer() -> Node:
    return _section(
        {
            "hostname": _text("full name of the machine; needed unless transport is local"),
            "description": _text("a line for people"),
            "transport": {"enum": list(TRANSPORTS), "description": "how it is reached"},
            "scheduler": {"enum": list(SCHEDULERS), "description": "what runs jobs"},
            "work_dir": _text("folder in which jobs run, absolute; {username} stands for yours there"),
            "mpirun": {**_text("command before MPI programs"), "default": "mpirun -np {tot_num_mpiprocs}"},
            "mpiprocs": {"type": "integer", "minimum": 1, "description": "MPI processes on each machine, usually"},
            "prepend_text": _text("lines of bash before every job"),
            "append_text": _text("lines of bash after every job"),
            "poll_interval_s": {"type": "number", "minimum": 0, "description": "time between looks at the queue"},
            "safe_interval_s": {"type": "number", "minimum": 0, "description": "time between two connections"},
            "login_shell": {
                "type": "boolean",
                "description": "whether commands run in a login shell; when not given, everywhere but where transport "
                "is local, scheduler direct and no modules are loaded",
            },
            "ssh": _section({name: node for name, (_, node) in SSH_OPTIONS.items()}),
        },
        "transport",
        "scheduler",
    )


def _code() -> Node:
    container = {
        "image": _text("name or file of the image"),
        "command": _text("how it is run, with {image_name} in it, such as: apptainer exec --nv {image_name}"),
    }
    return _section(
        {
            "program": {"enum": list(PROGRAMS), "description": "which engine it is"},
            "plugin": _text("entry point of a calculation, instead of program"),
            "description": _text("a line for people"),
            "executable": _text("absolute path, or a name that modules, container or the local PATH know"),
            "modules": {"type": "array", "items": {"type": "string"}, "description": "modules loaded before it"},
            "threads": {"type": "integer", "minimum": 1, "description": "threads of a process; all cores without"},
            "prepend_text": _text("lines of bash before it, after the modules"),
            "append_text": _text("lines of bash after it"),
            "container": _section(container, "image", "command"),
            "gpus": {"type": "integer", "minimum": 0, "description": "GPUs on each machine"},
            "options": {**_options(), "description": "scheduler options that its jobs start from"},
        },
        "executable",
    )


def _options() -> Node:
    return _section(
        {
            "resources": {"type": "object", "description": "num_machines, num_mpiprocs_per_machine, …"},
            "queue_name": _text("partition or queue"),
            "account": _text("project that is charged"),
            "qos": _text("quality of service"),
            "priority": _text("priority"),
            "max_wallclock_seconds": {"type": "integer", "minimum": 1, "description": "longest run of a job, s"},
            "max_memory_kb": {"type": "integer", "minimum": 1, "description": "memory, kB"},
            "withmpi": {"type": "boolean", "description": "whether it runs under the MPI command"},
            "custom_scheduler_commands": _text("further lines for the scheduler"),
            "environment_variables": {"type": "object", "description": "set before a job"},
            "gpus": {"type": "integer", "minimum": 0, "description": "GPUs on each machine"},
        }
    )


def _potcars() -> Node:
    return _section(
        {
            "family": _text("name that study files use"),
            "folder": _text("your folder of POTCAR files; not needed where the family is there"),
            "placeholders": {
                "type": "boolean",
                "description": "headers only, for concerted-vasp-surrogate, instead of a folder",
            },
            "elements": {
                "type": "array",
                "items": {"type": "string"},
                "description": "those whose POTCARs, as the protocols choose them, must be in it",
            },
            "description": _text("a line for people"),
        },
        "family",
    )


def _text(description: str) -> Node:
    return {"type": "string", "description": description}


def _section(properties: Node, *required: str) -> Node:
    section: Node = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**section, "required": list(required)} if required else section


def _named(section: Node, description: str) -> Node:
    return {"type": "object", "additionalProperties": section, "description": description}
