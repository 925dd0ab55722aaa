"""``aiida-concerted analyse``: from trajectory files to numbers with errors, without AiiDA."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_concerted.cli.grouped_help import GroupedCommand, Number

if TYPE_CHECKING:
    from rich.console import Console

    from aiida_concerted.analysis.sites import SiteNetwork
    from aiida_concerted.analysis.whole_run import AnalysisSettings, Progress, RunAnalysis
    from aiida_concerted.common.trajectory import Trajectory
    from aiida_concerted.formats.trajectory_files import ReadReport, TrajectoryRequest

FORMATS = ("auto", "h5md", "lammps-dump", "dcd", "xdatcar", "vasprun", "extxyz")
AUTO = "auto"
HELP_WIDTH = 100
TABLE_WIDTH = 200

GROUPS = {
    "Trajectory": (
        "carrier", "timestep_fs", "frame_interval_ps", "temperature_K", "format", "h5md_group", "topology",
        "coordinates",
    ),
    "Analysis": (
        "sites", "charge", "discard_ps", "fit_window_ps", "window_ps", "recrossing_ps", "origin_shift", "skip", "seed",
    ),
    "Output": ("json_path", "plots", "density_path", "symmetrise", "save_sites", "scratch", "progress"),
}  # fmt: skip

SETTINGS = (
    "timestep_fs", "frame_interval_ps", "h5md_group", "discard_ps", "fit_window_ps", "window_ps", "recrossing_ps",
    "origin_shift",
)  # fmt: skip
"""Parameters of the kernels that messages name and that have options of nearly the same name."""
OPTION_OF = {name: f"--{name.replace('_', '-')}" for name in SETTINGS}

File = click.Path(path_type=Path, dir_okay=False)
ExistingFile = click.Path(path_type=Path, dir_okay=False, exists=True)
Folder = click.Path(path_type=Path, file_okay=False)
ExistingFolder = click.Path(path_type=Path, file_okay=False, exists=True)
Positive = Number("positive")
NotNegative = Number("not negative")
Finite = Number("finite")


def _symbol(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch("[A-Z][a-z]?", value):
        raise click.BadParameter(f"'{value}' is no element symbol, such as Li.")
    return value


@click.command(cls=GroupedCommand, groups=GROUPS, context_settings={"max_content_width": HELP_WIDTH})
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=ExistingFile)
@click.option("--carrier", required=True, metavar="ELEMENT", callback=_symbol, help="Element that moves, such as Li.")
@click.option("--timestep-fs", type=Positive, metavar="FS", help="Integration step: times are step numbers times this.")
@click.option("--frame-interval-ps", type=Positive, metavar="PS", help="Time between frames; else that of the file.")
@click.option(
    "--temperature-K",
    "temperature_K",
    type=Positive,
    metavar="K",
    help="Temperature, for conductivities; else the file's.",
)
@click.option(
    "--format", type=click.Choice(FORMATS), default=AUTO, metavar="NAME", help=f"auto, {', '.join(FORMATS[1:])}."
)
@click.option("--h5md-group", metavar="NAME", help="Particle group of an H5MD file.")
@click.option("--topology", type=ExistingFile, metavar="FILE", help="Elements (and cell) for files that lack them.")
@click.option(
    "--coordinates",
    type=click.Choice(("auto", "wrapped", "unwrapped")),
    default="auto",
    help="How positions are stored; auto looks.",
)
@click.option("--sites", metavar="SITES", help="Shipped name (lgps …), auto, or a file SITES.yaml or SITES.cif.")
@click.option("--charge", type=Finite, default=1.0, metavar="E", show_default=True, help="Charge of a carrier in e.")
@click.option("--discard-ps", type=NotNegative, default=0.0, metavar="PS", help="Time at the beginning to leave out.")
@click.option("--fit-window-ps", type=Finite, nargs=2, metavar="A B", help="Lags of the diffusivity's fit; else found.")
@click.option(
    "--window-ps",
    type=Positive,
    default=1.0,
    metavar="PS",
    show_default=True,
    help="Longest time between concerted hops.",
)
@click.option(
    "--recrossing-ps",
    type=NotNegative,
    default=1.0,
    metavar="PS",
    show_default=True,
    help="Ions back sooner have not left.",
)
@click.option(
    "--origin-shift", type=Finite, nargs=3, metavar="X Y Z", help="Shift of the sites, in site cells; else found."
)
@click.option("--skip", metavar="PART,…", help="Leave out: transport, sites, rdf, van_hove, density, recrossing.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, metavar="N", help="Seed of every random choice."
)
@click.option("--json", "json_path", type=File, metavar="FILE", help="Write all results as JSON.")
@click.option("--plots", type=Folder, metavar="FOLDER", help="Write figures of all results.")
@click.option("--density", "density_path", type=File, metavar="FILE", help="Write the density: NAME.cube or CHGCAR.")
@click.option("--symmetrise", is_flag=True, help="Average it over the symmetry of the sites.")
@click.option("--save-sites", type=File, metavar="FILE", help="Write the sites that were used as SITES.yaml.")
@click.option("--scratch", type=ExistingFolder, metavar="FOLDER", help="For large temporary files; else the system's.")
@click.option("--progress/--no-progress", default=None, help="Show progress; else on a terminal only.")
def analyse(**options: Any) -> None:
    """Analyse the FILEs of one run, its segments in order: diffusion, sites, concerted modes.

    Example: aiida-concerted analyse dump.lammpstrj --carrier Li --timestep-fs 2 --temperature-K 600 --sites lgps
    """
    try:
        _Run(**options).run()
    except ValueError as error:
        raise ValueError(in_options(str(error))) from error


@dataclass(frozen=True)
class _Run:
    """One call of the command, its options checked."""

    files: tuple[Path, ...]
    carrier: str
    timestep_fs: float | None
    frame_interval_ps: float | None
    temperature_K: float | None
    format: str
    h5md_group: str | None
    topology: Path | None
    coordinates: str
    sites: str | None
    charge: float
    discard_ps: float
    fit_window_ps: tuple[float, float] | None
    window_ps: float
    recrossing_ps: float
    origin_shift: tuple[float, float, float] | None
    skip: str | None
    seed: int
    json_path: Path | None
    plots: Path | None
    density_path: Path | None
    symmetrise: bool
    save_sites: Path | None
    scratch: Path | None
    progress: bool | None

    def run(self) -> None:
        """Read, analyse, write and print."""
        from rich.console import Console

        from aiida_concerted.cli.json_file import write_json
        from aiida_concerted.cli.run_tables import print_run
        from aiida_concerted.cli.stage_progress import StageProgress
        from aiida_concerted.common.files import make_folder, require_writable

        settings, network = self._settings(), self._given_network()
        for path in (self.json_path, self.density_path, self.save_sites):
            if path is not None:
                require_writable(path)
        if self.plots is not None:
            make_folder(self.plots)
        with StageProgress(Console(stderr=True), self.progress) as progress:
            analysis, notes = self._read_and_analyse(network, settings, progress)
            content = {**analysis.as_dict(), **notes}
            if self.json_path is not None:
                write_json(self.json_path, content)
            figures = self._plot(analysis, progress)
        console = output_console()
        print_run(content, console)
        if self.sites is None:
            console.print("No --sites given: no occupancy, hops and concerted modes.", soft_wrap=True)
        in_figures = f"{len(figures)} files of figures in {self.plots}" if figures else None
        for written in (self.json_path, self.density_path, self.save_sites, in_figures):
            if written:
                console.print(f"Written: {written}", soft_wrap=True, markup=False, highlight=False)

    def _settings(self) -> AnalysisSettings:
        from aiida_concerted.analysis.whole_run import AnalysisSettings

        parts = frozenset(part.strip() for part in (self.skip or "").split(",") if part.strip())
        self._check_together(parts)
        try:
            return AnalysisSettings(
                charge=self.charge,
                discard_ps=self.discard_ps,
                window_ps=self.window_ps,
                recrossing_ps=self.recrossing_ps,
                fit_window_ps=self.fit_window_ps or None,
                origin_shift=self.origin_shift or None,
                # Nothing shows the density but a figure and a file of its own.
                skip=parts if self.plots is not None or self.density_path is not None else parts | {"density"},
                seed=self.seed,
            )
        except ValueError as error:
            raise click.UsageError(str(error), ctx=click.get_current_context(silent=True)) from error

    def _check_together(self, skipped: frozenset[str]) -> None:
        """Refuse options that ask for what others leave out."""
        wrong = None
        if self.sites is None and (self.symmetrise or self.save_sites):
            wrong = "--symmetrise and --save-sites need --sites"
        elif self.symmetrise and self.density_path is None:
            wrong = "--symmetrise needs --density FILE"
        elif self.symmetrise and "sites" in skipped:
            wrong = "--symmetrise needs the sites: do not skip them"
        elif self.density_path is not None and "density" in skipped:
            wrong = "--density needs the density: do not skip it"
        if wrong:
            raise click.UsageError(wrong, ctx=click.get_current_context(silent=True))

    def _given_network(self) -> SiteNetwork | None:
        """Return the sites that need no trajectory; a mistake in them shows before a long file is read."""
        from aiida_concerted.materials import resolve_sites

        if self.sites is None or self.sites == AUTO:
            return None
        return resolve_sites(self.sites, carrier=self.carrier).network()

    def _read_and_analyse(
        self, network: SiteNetwork | None, settings: AnalysisSettings, progress: Progress
    ) -> tuple[RunAnalysis, dict[str, Any]]:
        """Return the analysis, and what was noticed while reading the files and finding sites."""
        from aiida_concerted.analysis.auto_sites import search_sites
        from aiida_concerted.analysis.whole_run import analyse_run
        from aiida_concerted.formats.trajectory_files import read_trajectory

        def show(n_bytes: int, n_all: int) -> None:
            progress("reading", n_bytes / max(n_all, 1))

        with read_trajectory(self._request(), scratch_folder=self.scratch, progress=show) as (trajectory, report):
            notes: dict[str, Any] = {"read": reading_notes(report)}
            if self.sites == AUTO:
                found = search_sites(trajectory, progress=lambda fraction: progress("finding sites", fraction))
                network, notes["auto_sites"] = found.network, found.as_dict()
            analysis = analyse_run(trajectory, network, settings, progress=progress)
            self._save(analysis, trajectory, network)
            return analysis, notes

    def _save(self, analysis: RunAnalysis, trajectory: Trajectory, network: SiteNetwork | None) -> None:
        """Write what needs the trajectory beside its analysis."""
        from aiida_concerted.cli.density_file import write_density
        from aiida_concerted.common.files import write_at_once
        from aiida_concerted.materials.writer import site_model_text

        if self.density_path is not None and analysis.density is not None:
            write_density(self.density_path, analysis, trajectory, symmetry_of=network if self.symmetrise else None)
        if self.save_sites is not None and network is not None:
            write_at_once(self.save_sites, site_model_text(network, self.carrier))

    def _request(self) -> TrajectoryRequest:
        from aiida_concerted.formats.trajectory_files import TrajectoryRequest

        return TrajectoryRequest(
            paths=self.files,
            carrier=self.carrier,
            format=self.format,
            timestep_fs=self.timestep_fs,
            frame_interval_ps=self.frame_interval_ps,
            temperature_K=self.temperature_K,
            h5md_group=self.h5md_group,
            topology=self.topology,
            coordinates=self.coordinates,
        )

    def _plot(self, analysis: RunAnalysis, progress: Progress) -> list[Path]:
        if self.plots is None:
            return []
        from aiida_concerted.plotting.run_figures import plot_run

        progress("figures", 0.0)
        figures = plot_run(analysis, self.plots)
        progress("figures", 1.0)
        return figures


def reading_notes(report: ReadReport) -> dict[str, Any]:
    """Return the section ``read`` of the JSON form: what was noticed while the files were read."""
    return {
        "format": report.format,
        "n_files": report.n_files,
        "n_frames": report.n_frames,
        "n_repeated": report.n_repeated,
        "n_truncated": report.n_truncated,
        "messages": [in_options(message) for message in report.messages],
    }


def in_options(message: str) -> str:
    """Return a message in which settings bear the names of the command's options: ``--timestep-fs``."""
    found = re.sub(r"\bcoordinates=(wrapped|unwrapped)\b", r"--coordinates \1", message)
    return re.sub(rf"(?<![\w./-])({'|'.join(SETTINGS)})(?![\w./-]*/)\b", lambda name: OPTION_OF[name[0]], found)


def output_console() -> Console:
    """Return the console for results.

    Tables keep their width: a narrow terminal breaks lines, but cells cut to its width would hide numbers.
    """
    from rich.console import Console

    return Console(highlight=False, width=TABLE_WIDTH)
