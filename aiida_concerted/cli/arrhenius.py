"""``aiida-concerted arrhenius``: activation energies from analyses at several temperatures, without AiiDA."""

from __future__ import annotations

from pathlib import Path

import click

ExistingFile = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="JSON…", type=ExistingFile)
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the fits as JSON.",
)
def arrhenius(files: tuple[Path, ...], json_path: Path | None) -> None:
    """Fit activation energies to analyses at several temperatures.

    Each JSON file is one that 'aiida-concerted analyse … --json' wrote, all of one material, sites and carrier, each of
    another temperature. The diffusivities and every concerted mode are fitted and extrapolated to 300 K.

    Example: aiida-concerted arrhenius T600.json T800.json T1000.json --json arrhenius.json
    """
    from aiida_concerted.analysis.temperature_series import join_temperatures
    from aiida_concerted.cli.analyse import output_console
    from aiida_concerted.cli.arrhenius_tables import print_arrhenius
    from aiida_concerted.cli.json_file import read_json, require_writable, write_json

    if json_path is not None:
        require_writable(json_path)
    if len({path.resolve() for path in files}) < len(files):
        raise ValueError("a file is given twice: name each analysis once")
    content = join_temperatures({str(path): read_json(path) for path in files}).as_dict()
    if json_path is not None:
        write_json(json_path, content)
    console = output_console()
    print_arrhenius(content, console)
    if json_path is not None:
        console.print(f"Written: {json_path}", soft_wrap=True, markup=False, highlight=False)
