"""The command ``aiida-concerted``: its groups, and the one line in which every error ends."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from aiida_concerted import __version__
from aiida_concerted.cli.analyse import analyse
from aiida_concerted.cli.archive import archive
from aiida_concerted.cli.arrhenius import arrhenius
from aiida_concerted.cli.dataset import dataset
from aiida_concerted.cli.demo import demo
from aiida_concerted.cli.doctor import doctor
from aiida_concerted.cli.dpgen import dpgen
from aiida_concerted.cli.imports import import_group
from aiida_concerted.cli.pick import pick
from aiida_concerted.cli.plot import plot
from aiida_concerted.cli.query import query
from aiida_concerted.cli.reduce import reduce
from aiida_concerted.cli.report import report
from aiida_concerted.cli.run import run
from aiida_concerted.cli.setup import setup
from aiida_concerted.cli.sizes import sizes
from aiida_concerted.cli.status import status

EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
_NAME = "aiida-concerted"


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(__version__, prog_name=_NAME)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Take a solid electrolyte from a structure to how its ions move together, and with what activation energy."""


import_group.add_command(dpgen)
for _command in (
    analyse,
    archive,
    arrhenius,
    dataset,
    demo,
    doctor,
    import_group,
    pick,
    plot,
    query,
    reduce,
    report,
    run,
    setup,
    sizes,
    status,
):
    cli.add_command(_command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and leave with its exit status: 0 success, 1 failure, 2 usage, 130 interrupted."""
    arguments = sys.argv[1:] if arguments is None else arguments
    call = partial(cli.main, args=arguments, prog_name=_NAME, standalone_mode=False)
    sys.exit(run_reporting_errors(call, show_traceback="--debug" in arguments))


def run_reporting_errors(call: Callable[[], Any], *, show_traceback: bool = False) -> int:
    """Return the exit status of a call; an error becomes one line on stderr.

    :param show_traceback: let errors through instead.
    """
    try:
        result = call()
    except click.UsageError as error:
        return _report_usage(error)
    except click.ClickException as error:
        return _say(error.format_message(), EXIT_FAILURE)
    except (KeyboardInterrupt, click.Abort) as error:
        return _say(str(error) or "Interrupted.", EXIT_INTERRUPTED, prefix="")
    except Exception as error:
        if show_traceback:
            raise
        return _report_failure(error)
    return result if isinstance(result, int) else 0


def _report_usage(error: click.UsageError) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.ctx.get_help())
        return EXIT_USAGE
    command = error.ctx.command_path if error.ctx else _NAME
    return _say(f"{error.format_message().rstrip('.')}. See '{command} --help'.", EXIT_USAGE)


def _report_failure(error: Exception) -> int:
    """Say one line; what was foreseen says itself what to do, anything else is logged with its traceback."""
    message = " ".join(str(error).split())
    if isinstance(error, ValueError) and message:
        return _say(message, EXIT_FAILURE)
    if logging.getLogger().handlers:  # without any, Python's last resort would fill the terminal
        logging.getLogger(__name__).error("unforeseen error", exc_info=error)
    said = f"{type(error).__name__}: {message or 'no message'}"
    if isinstance(error, OSError) and error.strerror:
        said = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return _say(f"{said} ('{_NAME} --debug …' shows where)", EXIT_FAILURE)


def _say(message: str, status: int, prefix: str = "Error: ") -> int:
    # What a message quotes of a broken file must not steer the terminal.
    click.echo("".join(sign if sign.isprintable() else "?" for sign in f"{prefix}{message}"), err=True)
    return status
