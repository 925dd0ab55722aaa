"""``aiida-concerted arrhenius``: activation energies from analyses at several temperatures, without AiiDA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

ExistingFile = click.Path(path_type=Path, dir_okay=False, exists=True)
Folder = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="JSON…", type=ExistingFile)
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the fits as JSON.",
)
@click.option("--plots", type=Folder, metavar="FOLDER", help="Write figures over temperature.")
def arrhenius(files: tuple[Path, ...], json_path: Path | None, plots: Path | None) -> None:
    """Fit activation energies to analyses at several temperatures.

    Each JSON file is one that 'aiida-concerted analyse … --json' wrote, all of one material, sites and carrier, each of
    another temperature. The diffusivities and every concerted mode are fitted and extrapolated to 300 K.

    Example: aiida-concerted arrhenius T600.json T800.json T1000.json --json arrhenius.json
    """
    from aiida_concerted.analysis.temperature_series import join_temperatures
    from aiida_concerted.cli.analyse import output_console
    from aiida_concerted.cli.arrhenius_tables import print_arrhenius
    from aiida_concerted.cli.json_file import read_json, write_json
    from aiida_concerted.common.files import make_folder, require_writable

    if json_path is not None:
        require_writable(json_path)
    if plots is not None:
        make_folder(plots)
    if len({path.resolve() for path in files}) < len(files):
        raise ValueError("a file is given twice: name each analysis once")
    analyses = {str(path): read_json(path) for path in files}
    content = join_temperatures(analyses).as_dict()
    if json_path is not None:
        write_json(json_path, content)
    figures = _plot(list(analyses.values()), content, plots)
    console = output_console()
    print_arrhenius(content, console)
    for written in (json_path, plots and f"{len(figures)} files of figures in {plots}"):
        if written:
            console.print(f"Written: {written}", soft_wrap=True, markup=False, highlight=False)


def _plot(analyses: list[Any], fits: dict[str, Any], folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    from aiida_concerted.plotting.temperature_figures import plot_arrhenius

    return plot_arrhenius(analyses, folder, fits=fits)
