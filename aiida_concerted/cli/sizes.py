"""``aiida-concerted sizes``: whether a diffusivity has converged with the size of the cell, without AiiDA."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from aiida_concerted.common.numbers import format_estimate

TITLES = {"diffusivity": "tracer D*, m² s⁻¹", "ab_share": "share of the ab plane"}


@click.command()
@click.argument(
    "files", nargs=-1, required=True, metavar="JSON…", type=click.Path(path_type=Path, dir_okay=False, exists=True)
)
@click.option(
    "--tolerance", type=click.FloatRange(0, min_open=True), default=0.2, show_default=True,
    help="Relative difference between cells that the errors must be able to show.",
)  # fmt: skip
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write the comparison as JSON.",
)  # fmt: skip
@click.option("--plots", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER", help="Write figures.")
def sizes(files: tuple[Path, ...], tolerance: float, json_path: Path | None, plots: Path | None) -> None:
    """Compare analyses of cells of several sizes at one temperature.

    Each JSON file is one that 'aiida-concerted analyse … --json' wrote, all of one material, carrier and temperature;
    several may be of one size. The verdict says from which cell on the diffusivity and its anisotropy agree.

    Example: aiida-concerted sizes 50.json 200.json 400.json 900.json --plots figures/
    """
    from aiida_concerted.analysis.size_series import join_sizes
    from aiida_concerted.cli.analyse import output_console
    from aiida_concerted.cli.json_file import read_json, write_json
    from aiida_concerted.common.files import make_folder, require_writable
    from aiida_concerted.plotting.size_figures import plot_sizes

    if json_path is not None:
        require_writable(json_path)
    if plots is not None:
        make_folder(plots)
    if len({path.resolve() for path in files}) < len(files):
        raise ValueError("a file is given twice: name each analysis once")
    content = join_sizes({str(path): read_json(path) for path in files}, tolerance=tolerance).as_dict()
    if json_path is not None:
        write_json(json_path, content)
    figures = [] if plots is None else plot_sizes(content, plots)
    console = output_console()
    print_sizes(content, console)
    for written in (json_path, plots and f"{len(figures)} files of figures in {plots}"):
        if written:
            console.print(f"Written: {written}", soft_wrap=True, markup=False, highlight=False)


def print_sizes(content: Mapping[str, Any], console: Console) -> None:
    """Print the comparison of cell sizes; 100 columns are enough."""
    from aiida_concerted.cli.run_tables import ABSENT, print_table, print_warnings

    tests = {key: content[key] for key in TITLES if key in content}
    values = {key: {point["n_atoms"]: point for point in test["points"]} for key, test in tests.items()}
    rows = [
        (str(size), *(_estimate(values[key][size]) if size in values[key] else ABSENT for key in tests))
        for size in sorted({cell["n_atoms"] for cell in content["cells"]})
    ]
    title = f"{content['carrier']} at {content['temperature_K']:g} K"
    print_table(console, title, ("atoms", *(TITLES[key] for key in tests)), rows)
    for key, test in tests.items():
        console.print(f"  {TITLES[key].split(',')[0]}: {_sentence(test)}", soft_wrap=True, highlight=False)
    console.print()
    print_warnings(content["warnings"], console)


def _sentence(test: Mapping[str, Any]) -> str:
    verdict, plateau = test["verdict"], _estimate(test["plateau"])
    if verdict == "converged":
        seen = f"a difference of {test['resolved_relative']:.0%} would show"
        return f"[bold]{verdict}[/bold] from {test['converged_from_n_atoms']} atoms on, {plateau} ({seen})"
    if verdict == "depends on size":
        return f"[bold]{verdict}[/bold]; with a correction in 1/N the infinite cell has {_estimate(test['limit'])}"
    if verdict == "cannot be said":
        seen, asked = (f"{test[f'{key}_relative']:.0%}" for key in ("resolved", "tolerance"))
        return f"[bold]{verdict}[/bold]: only a difference of {seen} would show, {asked} is asked; run longer"
    return f"[bold]{verdict}[/bold] below three sizes"


def _estimate(found: Mapping[str, float]) -> str:
    return format_estimate(found["value"], found["stderr"])
