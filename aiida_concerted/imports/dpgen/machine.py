"""What ``machine.json`` says of commands and queues, as what codes and resources need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiida_concerted.imports.dpgen.account import Account, inside, is_secret
from aiida_concerted.imports.dpgen.project import Project

ROLES = {"train": "dp", "model_devi": "lmp", "fp": "vasp"}
"""The code that does the work of each section."""

READABLE = (
    "api_version", "deepmd_version", "command", "batch_type", "context_type", "machine_type", "number_node",
    "numb_node", "cpu_per_node", "task_per_node", "gpu_per_node", "numb_gpu", "queue_name", "partition", "group_size",
    "time_limit", "mem_limit",
)  # fmt: skip
"""Keys whose values are shown; those of all others may be names of people, hosts or worse."""

WITHOUT_QUEUE = ("shell", "lazylocal", "")
_MPI = re.compile(r"\b(?:mpirun|mpiexec|srun|mpiexec\.hydra)\b")
_PROCESSES = re.compile(r"\s-(?:n|np)\s+(\d+)\b")


def translate_machine(project: Project) -> tuple[dict[str, Any], Account]:
    """Return the scheduler options of each code, and the account of ``machine.json``.

    :raises ValueError: if a section is no dictionary.
    """
    sections = {name: _section(project, name) for name in ROLES if name in project.machine}
    others = {key: value for key, value in project.machine.items() if key not in sections}
    account = Account(dict(_values({**others, **sections})))
    resources = {}
    for name, section in sections.items():
        options = _options(section, name, account)
        if options:
            resources[ROLES[name]] = options
    account.left_out("api_version", "says how the file is written")
    account.left_out("deepmd_version", "is of the code")
    return resources, account


def _section(project: Project, name: str) -> dict[str, Any]:
    section = project.machine[name]
    if isinstance(section, list) and section:
        section = section[0]
    if not isinstance(section, dict):
        raise ValueError(f"{project.machine_name}: {name} must be a dictionary with command, machine and resources")
    return section


def _values(machine: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the keys with what may be shown of their values."""
    rows: list[tuple[str, Any]] = []
    for key, value in machine.items():
        if not key.startswith("_"):
            rows += inside(key, value) if isinstance(value, dict) and value else [(key, value)]
    return [(key, value if _is_readable(key, value) else "…") for key, value in rows]


def _is_readable(key: str, value: Any) -> bool:
    is_plain = isinstance(value, str | int | float)
    return is_plain and key.rsplit(".", 1)[-1] in READABLE and not is_secret(f"{key} {value}")


def _options(section: Mapping[str, Any], name: str, account: Account) -> dict[str, Any]:
    """Return the scheduler options of the jobs of a section, and say what became of its keys."""
    role = ROLES[name]
    machine, resources = (_dictionary(section, key) for key in ("machine", "resources"))
    command = section.get("command")
    account.changed(f"{name}.command", f"codes.{role}", "the program is of the code, MPI is resources' withmpi")
    for key in ("batch_type", "machine_type"):
        account.changed(f"{name}.machine.{key}", f"codes.{role}", "is of the computer: its scheduler")
    account.changed(f"{name}.machine.context_type", f"codes.{role}", "is of the computer: its transport")
    account.left_out(f"{name}.machine", "is of the computer: see 'aiida-concerted setup'")
    kind = str(machine.get("batch_type", machine.get("machine_type", ""))).lower()
    options: dict[str, Any] = {}
    if kind not in WITHOUT_QUEUE:
        options = _of_queue(resources, name, role, account, counts_machines="lsf" not in kind)
    if isinstance(command, str) and _MPI.search(command):
        options["withmpi"] = True
        processes = _PROCESSES.search(command)
        if processes and "resources" not in options and "lsf" not in kind:
            options["resources"] = {"num_machines": 1, "num_mpiprocs_per_machine": int(processes[1])}
    account.left_out(f"{name}.resources.group_size", "a job holds one run")
    account.left_out(f"{name}.resources", "is of the code or the computer: see 'aiida-concerted setup'")
    account.left_out(f"{name}.user_forward_files", "files beside the inputs are of the computer")
    account.left_out(f"{name}.user_backward_files", "what is kept is not a choice")
    return options


def _of_queue(
    resources: Mapping[str, Any], name: str, role: str, account: Account, *, counts_machines: bool
) -> dict[str, Any]:
    options: dict[str, Any] = {}
    queue = resources.get("queue_name") or resources.get("partition")
    if isinstance(queue, str):
        options["queue_name"] = queue
        for key in ("queue_name", "partition"):
            account.carried(f"{name}.resources.{key}", f"resources.{role}.queue_name")
    asked = {}
    for keys, ours in (
        (("number_node", "numb_node"), "num_machines"),
        (("cpu_per_node", "task_per_node"), "num_mpiprocs_per_machine"),
    ):
        for key in keys:
            count = resources.get(key)
            if counts_machines and _is_count(count):
                asked[ours] = count
                account.carried(f"{name}.resources.{key}", f"resources.{role}.resources.{ours}")
    if asked:
        options["resources"] = asked
    for key in ("gpu_per_node", "numb_gpu"):
        if _is_count(resources.get(key)):
            options["gpus"] = resources[key]
            account.carried(f"{name}.resources.{key}", f"resources.{role}.gpus")
    return options


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _dictionary(section: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = section.get(key, {})
    return value if isinstance(value, dict) else {}
