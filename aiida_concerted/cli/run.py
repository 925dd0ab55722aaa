"""``aiida-concerted run``: a study, or one part of it, from one declarative file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_concerted.cli.profiles import open_profile, profile_options
from aiida_concerted.environment.errors import SetupError

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.runners import Runner

_NO_CONFIG = "Missing argument 'CONFIG'"
_POLL_S = 1.0
"""Chosen: a look costs one small query, and the shortest runs take seconds."""

PARTS = ("aimd", "committee", "learn", "sweep", "vacancy", "analyse")


@click.command()
@click.argument("config", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--submit", is_flag=True, help="Hand it to the daemon and return; otherwise run it here to its end.")
@click.option("--only", type=click.Choice(PARTS), help="Run this part alone, on what its section names.")
@click.option(
    "--continue", "earlier", metavar="PK",
    help="Use what finished in this earlier process; without CONFIG with its own inputs.",
)  # fmt: skip
@click.option("--abandon", is_flag=True, help="With --continue: nothing runs it any more; take it for killed.")
@click.option("--dry-run", is_flag=True, help="Check everything and show what would be submitted.")
@click.option("--print-schema", is_flag=True, help="Print the JSON schema of the file.")
@profile_options
def run(
    config: Path | None,
    submit: bool,
    only: str | None,
    earlier: str | None,
    abandon: bool,
    dry_run: bool,
    print_schema: bool,
    folder: Path | None,
    profile: str | None,
) -> None:
    """Run the study that CONFIG, a YAML file, describes.

    Its sections hold differences from the protocol; an unknown key is refused with the nearest known one.

    With --continue, finished work of an earlier process is not done again.

    Example: aiida-concerted run study.yaml --submit
    """
    if print_schema:
        from aiida_concerted.workflows.studyfile import study_schema

        click.echo(json.dumps(study_schema(), indent=2, ensure_ascii=False))
        return
    _check_usage(config, submit, only, earlier, abandon, dry_run)
    open_profile(folder, profile)
    if not dry_run:
        _require_broker(submit)
    if abandon and earlier is not None:
        _abandon(earlier)
    builder, label, remark = _prepare(config, only, earlier, dry_run)
    if remark:
        click.echo(f"# {remark}" if dry_run else remark)
    if dry_run:
        from aiida_concerted.workflows.studyfile import preview

        click.echo(preview(builder), nl=False)
    elif submit:
        _submit(builder, label)
    else:
        _run_here(builder, label)


def _check_usage(
    config: Path | None, submit: bool, only: str | None, earlier: str | None, abandon: bool, dry_run: bool
) -> None:
    if config is None and earlier is None:
        raise click.UsageError(_NO_CONFIG)
    if config is None and only is not None:
        raise click.UsageError("--only chooses a section of CONFIG: give the file")
    if abandon and (earlier is None or dry_run):
        raise click.UsageError("--abandon needs --continue, and excludes --dry-run")
    if submit and dry_run:
        raise click.UsageError("--submit and --dry-run exclude each other: give one")


def _abandon(earlier: str) -> None:
    from aiida_concerted.cli.continuing import load_earlier
    from aiida_concerted.environment.abandon import abandon
    from aiida_concerted.environment.processes import read_process_tree

    number = abandon(read_process_tree(load_earlier(earlier).uuid))
    click.echo(f"{number} processes that had not ended are marked as killed")


def _prepare(
    config: Path | None, only: str | None, earlier: str | None, dry_run: bool
) -> tuple[ProcessBuilder, str, str]:
    """Return the builder, its label, and what is said of the process that it continues."""
    from aiida_concerted.cli.continuing import builder_of, describe_finished, go_on, load_earlier, require_end
    from aiida_concerted.workflows.studyfile import build, read_study_file

    node = None if earlier is None else load_earlier(earlier)
    if node is not None:
        require_end(node)
    if config is not None:
        builder, label = build(read_study_file(config), only, for_real=not dry_run), config.stem
    elif node is not None:
        builder, label = builder_of(node), node.label
    else:
        raise click.UsageError(_NO_CONFIG)
    if node is None:
        return builder, label, ""
    go_on(builder, node)
    return builder, label, describe_finished(node)


def _require_broker(submit: bool) -> None:
    """Refuse to begin where AiiDA would wait for a broker that is not there, and then say no more than that.

    :raises SetupError: saying what to start.
    """
    from aiida.manage import get_manager

    from aiida_concerted.environment.broker import broker_answers

    manager = get_manager()
    profile, broker = manager.get_profile(), manager.get_broker()
    name = profile.name if profile is not None else ""
    if broker is None:
        if submit:
            raise SetupError(f"profile '{name}' has no broker, hence no daemon: run it here, without --submit")
        return
    if not broker_answers(broker, name):
        kind = profile.process_control_backend if profile is not None else ""
        cure = (
            "start RabbitMQ"
            if kind == "core.rabbitmq"
            else f"start it with 'verdi -p {name} daemon start', or 'daemon restart' where that runs"
        )
        raise SetupError(f"the broker of profile '{name}' is not running: {cure}")


def _submit(builder: ProcessBuilder, label: str) -> None:
    from aiida.engine import submit

    builder["metadata"]["label"] = label
    node = submit(builder)
    click.echo(
        f"{node.process_label} <{node.pk}> is with the daemon; follow it with 'aiida-concerted status {node.pk}'"
    )


def _runner() -> Runner:
    """Return the runner of this process.

    Where there is no broker to tell that a child has ended, AiiDA looks once a minute: a study would take hours more.
    """
    from aiida.manage import get_manager

    manager = get_manager()
    profile = manager.get_profile()
    if manager.get_broker() is None and profile is not None and not profile.is_test_profile:
        manager.set_runner(manager.create_runner(poll_interval=_POLL_S))
    return manager.get_runner()


def _run_here(builder: ProcessBuilder, label: str) -> None:
    """Run to the end in this process.

    :raises SetupError: if it does not end well.
    """
    from aiida.engine import run_get_node
    from aiida.engine.utils import instantiate_process

    builder["metadata"]["label"] = label
    process = instantiate_process(_runner(), builder)
    node = process.node
    click.echo(f"{node.process_label} <{node.pk}> begins here; 'aiida-concerted status {node.pk}' follows it elsewhere")
    run_get_node(process)
    if not node.is_finished_ok:
        reason = node.exit_message or node.exception or node.process_state
        raise SetupError(
            f"{node.process_label} <{node.pk}> ended with status {node.exit_status}: {str(reason).rstrip('.')}. "
            f"Look closer: verdi process report {node.pk}"
        )
    click.echo(f"{node.process_label} <{node.pk}> is done; 'aiida-concerted report {node.pk} -o report.html' shows it")
