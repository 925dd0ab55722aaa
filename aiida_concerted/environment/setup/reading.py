"""A setup file, read strictly and turned into wishes; nothing here needs AiiDA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiida_concerted.common.executables import thread_limits
from aiida_concerted.common.hints import nearest
from aiida_concerted.common.schema_check import check
from aiida_concerted.common.strict_yaml import read_strict
from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.setup.schema import PROGRAMS, SCHEDULERS, SSH_OPTIONS, TRANSPORTS, setup_schema
from aiida_concerted.environment.setup.wishes import CodeWish, ComputerWish, PotcarWish, ProfileWish, Wishes
from aiida_concerted.workflows.protocols.loader import merge

Content = Mapping[str, Any]

_COMPUTER_SETTINGS = ("work_dir", "mpirun", "mpiprocs", "prepend_text", "append_text", "poll_interval_s", "description")


def read_setup_file(path: Path) -> Wishes:
    """Return what a setup file asks for.

    :raises SetupError: in one line, if it cannot be read or says what it may not.
    """
    try:
        content = read_strict(path)
    except ValueError as error:
        raise SetupError(str(error)) from error
    try:
        return parse_setup(content, folder=path.parent)
    except ValueError as error:
        raise SetupError(f"{path}: {error}") from error


def parse_setup(content: Any, *, folder: Path) -> Wishes:
    """Return what the content of a setup file asks for.

    :param folder: what relative paths refer to.
    :raises ValueError: naming the key that is unknown, missing or wrong.
    """
    check(content, setup_schema(), what="a setup file")
    computers = {label: _computer(label, said, folder) for label, said in content.get("computers", {}).items()}
    common = content.get("options", {})
    codes = [_code(name, said, common) for name, said in content.get("codes", {}).items()]
    return Wishes(
        profile=_profile(content["profile"], folder),
        computers={label: _with_modules(wish, codes) for label, wish in computers.items()},
        codes=codes,
        potcars=_potcars(content["potcars"], folder) if "potcars" in content else None,
    )


def _profile(said: Content, folder: Path) -> ProfileWish:
    storage, broker = said.get("storage", "sqlite"), said.get("broker")
    if storage == "postgresql" and "postgresql" not in said:
        raise ValueError("profile.postgresql is missing: give database and user")
    if storage == "sqlite" and "postgresql" in said:
        raise ValueError("profile.postgresql would be ignored: write 'storage: postgresql', or leave it out")
    if "rabbitmq" in said and broker != "rabbitmq":
        raise ValueError("profile.rabbitmq would be ignored: write 'broker: rabbitmq', or leave it out")
    database, queue = dict(said.get("postgresql", {})), dict(said.get("rabbitmq", {}))
    variables = {}
    if "password_variable" in database:
        variables["password_variable"] = database.pop("password_variable")
    if "password_variable" in queue:
        variables["broker_password_variable"] = queue.pop("password_variable")
    if storage == "postgresql":
        database = {"host": "localhost", "port": 5432, **database}
    return ProfileWish(
        name=said["name"],
        storage=storage,
        email=said.get("email", ProfileWish.email),
        folder=_place(said["folder"], folder) if "folder" in said else None,
        broker=broker,
        connection=database,
        broker_connection=queue,
        **variables,
    )


def _computer(label: str, said: Content, folder: Path) -> ComputerWish:
    where = f"computers.{label}"
    _refuse_label(label, where)
    is_local = said["transport"] == "local"
    if not is_local:
        for key in ("hostname", "work_dir"):
            if key not in said:
                raise ValueError(f"{where}.{key} is missing: it is needed to reach a computer by ssh")
    elif "ssh" in said:
        raise ValueError(f"{where}.ssh would be ignored: write 'transport: ssh', or leave it out")
    settings = {key: said[key] for key in _COMPUTER_SETTINGS if key in said}
    if "work_dir" in settings:
        settings["work_dir"] = _work_dir(settings["work_dir"], where, is_local=is_local)
    if "mpirun" in settings:
        _refuse_placeholders(settings["mpirun"], f"{where}.mpirun")
    return ComputerWish(
        label=label,
        hostname=said.get("hostname", "localhost"),
        transport=TRANSPORTS[said["transport"]],
        scheduler=SCHEDULERS[said["scheduler"]],
        settings=settings,
        authentication=_authentication(said, folder),
    )


def _with_modules(wish: ComputerWish, codes: list[CodeWish]) -> ComputerWish:
    """Return a computer that knows whether modules are loaded there, before all of its jobs or by one of its codes."""
    texts = [code.prepend_text for code in codes if code.computer == wish.label]
    return replace(wish, has_modules=any("module " in text for text in (wish.settings.get("prepend_text", ""), *texts)))


def _authentication(said: Content, folder: Path) -> dict[str, Any]:
    """Return the parameters of a connection by the transport's own names."""
    found: dict[str, Any] = {SSH_OPTIONS[key][0]: value for key, value in said.get("ssh", {}).items()}
    if "authentication_script" in found:
        found["authentication_script"] = str(_place(found["authentication_script"], folder))
    if "safe_interval_s" in said:
        found["safe_interval"] = float(said["safe_interval_s"])
    if "login_shell" in said:
        found["use_login_shell"] = said["login_shell"]
    if said["transport"] != "local":
        found.setdefault("host", said["hostname"])
    return found


def _work_dir(text: str, where: str, *, is_local: bool) -> str:
    path = str(Path(text).expanduser()) if is_local else text
    if not path.startswith("/"):
        raise ValueError(f"{where}.work_dir must be an absolute path, got {text!r}")
    try:
        path.format(username="me")
    except (KeyError, IndexError, ValueError):
        raise ValueError(f"{where}.work_dir: only {{username}} may stand in braces, got {text!r}") from None
    return path


def _refuse_placeholders(command: str, where: str) -> None:
    """Refuse an MPI command with a placeholder that AiiDA does not fill."""
    names = ("tot_num_mpiprocs", "num_machines", "num_mpiprocs_per_machine", "num_cores_per_machine")
    try:
        command.format(**dict.fromkeys(names, 1))
    except KeyError as error:
        raise ValueError(f"{where}: unknown placeholder {{{error.args[0]}}}: {nearest(error.args[0], names)}") from None
    except (IndexError, ValueError):
        raise ValueError(
            f"{where}: braces that are no placeholder in {command!r}: known are {', '.join(names)}"
        ) from None


def _code(name: str, said: Content, common: Content) -> CodeWish:
    where = f"codes.{name}"
    label, _, computer = name.partition("@")
    if not computer:
        raise ValueError(f"{where}: name it with its computer, such as {name}@cluster")
    _refuse_label(label, where)
    if ("program" in said) == ("plugin" in said):
        raise ValueError(f"{where}: give either program ({', '.join(PROGRAMS)}) or plugin")
    container = said.get("container", {})
    if container and "{image_name}" not in container["command"]:
        raise ValueError(f"{where}.container.command must have {{image_name}} in it, got {container['command']!r}")
    _refuse_relative(said["executable"], where)
    loads = [f"module load {module}" for module in said.get("modules", ())]
    if "threads" in said:
        loads += [f"export {name}={value}" for name, value in thread_limits(said["threads"]).items()]
    options = merge(dict(common), said.get("options", {}))  # as study files do, nested ones key by key
    if "gpus" in said:
        if "gpus" in said.get("options", {}):
            raise ValueError(f"{where}: gpus stands twice, in the code and in its options: keep one")
        options["gpus"] = said["gpus"]
    return CodeWish(
        label=label,
        computer=computer,
        plugin=said["plugin"] if "plugin" in said else PROGRAMS[said["program"]],
        executable=said["executable"],
        description=said.get("description", ""),
        prepend_text="\n".join([*loads, *([said["prepend_text"].strip()] if "prepend_text" in said else [])]),
        append_text=said.get("append_text", "").strip(),
        image=container.get("image"),
        engine_command=container.get("command"),
        options=options,
    )


def _potcars(said: Content, folder: Path) -> PotcarWish:
    if said.get("placeholders") and "folder" in said:
        raise ValueError("potcars: folder and placeholders exclude each other: keep one")
    place = _place(said["folder"], folder) if "folder" in said else None
    if place is not None and not place.is_dir():
        raise ValueError(f"potcars.folder: there is no folder {place}")
    return PotcarWish(
        said["family"],
        place,
        bool(said.get("placeholders")),
        said.get("description", ""),
        tuple(said.get("elements", ())),
    )


def _place(text: str, folder: Path) -> Path:
    return (folder / Path(text).expanduser()).resolve()


def _refuse_relative(executable: str, where: str) -> None:
    if executable.startswith("~") or ("/" in executable and not executable.startswith("/")):
        raise ValueError(f"{where}.executable must be an absolute path or a bare name, got {executable!r}")


def _refuse_label(label: str, where: str) -> None:
    if not label or any(not (sign.isalnum() or sign in "-_.+") for sign in label):
        raise ValueError(f"{where}: a label has letters, digits, '-', '_', '+' and '.', got {label!r}")
