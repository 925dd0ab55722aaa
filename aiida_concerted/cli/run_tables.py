"""The results of a run as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import rich.table
from rich import box
from rich.console import Console
from rich.markup import escape

from aiida_concerted.common.numbers import format_estimate, format_interval, format_number, format_simulated_time
from aiida_concerted.common.units import S_PER_M_IN_MS_PER_CM

Content = Mapping[str, Any]
Row = Sequence[str]

ABSENT = "–"


def print_run(content: Content, console: Console) -> None:
    """Print the results of a run.

    :param content: the JSON form of the analysis.
    :param console: where to print; 100 columns are enough.
    """
    for label, text in _facts(content):
        console.print(f"[bold]{label:<11}[/bold] {escape(text)}", soft_wrap=True)
    console.print()
    if "diffusivity" in content:
        print_table(console, "Transport", ("quantity", "value", ""), _transport_rows(content))
        console.print(f"  [dim]{escape(_sampling(content['diffusivity']))}[/dim]\n", soft_wrap=True)
    if "sites" in content:
        columns = ("site", "sites", "ions per site", "share of ions", "residence time (95 %), ps", "exits")
        print_table(console, "Sites", columns, _site_rows(content["sites"]))
        console.print(f"  [dim]{escape(_hops(content))}[/dim]\n", soft_wrap=True)
    if content.get("modes"):
        _print_modes(content, console)
    if structure := _structure_rows(content):
        print_table(console, "Structure", ("quantity", "value"), structure)
        console.print()
    print_warnings(content.get("warnings", []), console)


def print_table(console: Console, title: str, columns: Row, rows: Sequence[Row]) -> None:
    """Print one table: first column to the left, the others to the right."""
    table = rich.table.Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False
    )
    for index, column in enumerate(columns):
        table.add_column(escape(column), justify="left" if index == 0 or not column else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


def print_warnings(warnings: Sequence[str], console: Console) -> None:
    """Print what a reader must know, one line each."""
    for warning in warnings:
        console.print(f"[yellow]![/yellow] {escape(warning)}", soft_wrap=True)


def _facts(content: Content) -> list[tuple[str, str]]:
    run = content["input"]
    temperature = f"{run['temperature_K']:g} K" if "temperature_K" in run else "temperature unknown"
    discarded = content["settings"]["discard_ps"]
    left_out = f", the first {discarded:g} ps left out" if discarded else ""
    facts = [
        (
            "Run",
            f"{run['n_frames']} frames every {run['frame_interval_ps']:g} ps, "
            f"{format_simulated_time(run['duration_ps'])}, {temperature}{left_out}",
        ),
        (
            "Atoms",
            f"{run['n_carriers']} {run['carrier']} of {run['n_atoms']} atoms ({_formula(run)}) in "
            f"{format_number(run['volume_A3'], 4)} Å³; motion relative to the {content['frame']}",
        ),
    ]
    if "site_model" in content:
        facts.append(("Site model", _placement(content)))
    if "auto_sites" in content:
        facts.append(("Found", _search(content["auto_sites"])))
    if skipped := [part for part in content["skipped"] if part != "density"]:
        facts.append(("Skipped", ", ".join(skipped)))
    for message in content.get("read", {}).get("messages", []):
        facts.append(("Read", message))
    return facts


def _placement(content: Content) -> str:
    model, shift = content["site_model"], content["origin_shift"]
    counts = ", ".join(f"{count} {label}" for label, count in model["counts_per_cell"].items())
    supercell = content["input"]["supercell"]
    size = " × ".join(map(str, supercell)) if not isinstance(supercell[0], list) else f"by the matrix {supercell}"
    residual = content["placement"].get("origin_residual_A")
    checked = f", framework within {residual:.2f} Å" if residual is not None else ""
    where = ", ".join(f"{number:.3f}" for number in shift).replace("-0.000", "0.000")
    return f"{model['material']} ({counts} a cell), cell repeated {size}, origin at ({where}){checked}"


def _search(found: Content) -> str:
    how = {
        "symmetry": f"labelled by {found['n_operations']} symmetry operations of the framework",
        "site": "each its own label",
    }.get(found["labelled_by"], "all of one label")
    return (
        f"sites at maxima of the density, {how}; longest edge {found['max_edge_A']:g} Å; ions elsewhere for "
        f"{100 * found['unplaced_fraction']:.1f} % of the time"
    )


def _transport_rows(content: Content) -> list[Row]:
    diffusivity = content["diffusivity"]
    rows: list[Row] = [("tracer diffusivity D*", _estimate(diffusivity["tracer_m2_s"]), "m² s⁻¹")]
    rows += [(f"  along {axis}", _estimate(value), "m² s⁻¹") for axis, value in diffusivity["components_m2_s"].items()]
    if "charge_m2_s" in diffusivity:
        rows.append(("charge diffusivity Dσ", _estimate(diffusivity["charge_m2_s"]), "m² s⁻¹"))
    if "haven_ratio" in diffusivity:
        rows.append(("Haven ratio D*/Dσ", _interval(diffusivity["haven_ratio"]), "95 % interval"))
    names = {"nernst_einstein": "conductivity from D* (Nernst–Einstein)", "collective": "conductivity from Dσ"}
    for key, value in diffusivity.get("conductivity_S_m", {}).items():
        shown = {part: number * S_PER_M_IN_MS_PER_CM for part, number in value.items()}
        rows.append((names.get(key, key), _estimate(value), f"S m⁻¹   = {_estimate(shown)} mS cm⁻¹"))
    return rows


def _sampling(diffusivity: Content) -> str:
    begin, end = diffusivity["fit_window_ps"]
    return (
        f"sampling {diffusivity['sampling']}: {diffusivity['n_hops_effective']:.0f} effective hops, "
        f"{diffusivity['n_independent']} independent displacements; fit from {begin:g} to {end:g} ps; "
        "± is one standard error"
    )


def _site_rows(sites: Content) -> list[Row]:
    rows: list[Row] = []
    for label, count in sites["counts"].items():
        residence = sites["residence_time_ps"][label]
        rows.append(
            (
                label,
                str(count),
                _estimate(sites["occupancy"][label]),
                f"{sites['share'][label]:.1%}".replace("%", " %"),
                _residence(residence),
                str(residence["n_exits"]),
            )
        )
    return rows


def _residence(residence: Content) -> str:
    if "value" in residence:
        return _interval(residence)
    return f"> {format_number(residence['lower'])}" if "lower" in residence else ABSENT


def _hops(content: Content) -> str:
    hops = content["hops"]
    pairs = ", ".join(f"{pair} {count}" for pair, count in hops["by_pair"].items() if count)
    shared = content["sites"]["multiple_occupancy_fraction"]
    return (
        f"hops: {hops['counted']} of {hops['raw']} changes of site, returns within {hops['recrossing_ps']:g} ps not "
        f"counted; {hops['non_edge']} along no edge{': ' + pairs if pairs else ''}\n"
        f"  {content['exchanges']} exchanges of two ions; ions shared a site for {shared:.1%} of the time".replace(
            "%", " %"
        )
    )


def _print_modes(content: Content, console: Console) -> None:
    definition, modes = content["mode_definition"], content["modes"]
    columns = ("mode", "raw", "background", "events (95 %)", "per cell and s", "1:1", "var/mean", "null")
    ordered = sorted(modes, key=lambda mode: (not mode["named"], -mode["raw"]))
    named = [mode for mode in modes if mode["named"]]
    seen = [mode for mode in ordered if not mode["named"] and mode["raw"]]
    silent = [mode["label"] for mode in ordered if not mode["named"] and not mode["raw"]]
    title = f"Concerted modes: A→B and B→C by two ions within {definition['window_ps']:g} ps"
    print_table(console, title, columns, [_mode_row(mode) for mode in (*named, *seen)])
    if silent:
        console.print(f"  [dim]no event of {', '.join(silent)}[/dim]", soft_wrap=True)
    if "background_ps" in definition:
        begin, end = definition["background_ps"]
        console.print(
            f"  [dim]background: accidental pairs, from lags of {begin:g} to {end:g} ps; 1:1: every hop used once; "
            "null: mean excess with hops shifted in time at random[/dim]",
            soft_wrap=True,
        )
    console.print()


def _mode_row(mode: Content) -> Row:
    events = {"value": mode["count"], "lower": mode["lower"], "upper": mode["upper"]} if "count" in mode else None
    frequency = mode.get("frequency_per_cell_s")
    return (
        mode["label"],
        str(mode["raw"]),
        f"{mode['background']:.1f}" if "background" in mode else ABSENT,
        _interval(events) if events else ABSENT,
        format_number(frequency["value"], 2) if frequency else ABSENT,
        str(mode["one_to_one"]),
        f"{mode['dispersion']:.1f}" if "dispersion" in mode else ABSENT,
        f"{mode['null_excess']:.1f}".replace("-", "−") if "null_excess" in mode else ABSENT,
    )


def _structure_rows(content: Content) -> list[Row]:
    rows: list[Row] = []
    for pair, function in content.get("rdf", {}).items():
        height = max(function["g"], default=0.0)
        if height > 0:
            place = function["r_A"][function["g"].index(height)]
            rows.append((f"highest peak of g(r), {pair}", f"{place:.2f} Å (g = {height:.1f})"))
    if "replacement_time_ps" in content.get("van_hove", {}):
        time = content["van_hove"]["replacement_time_ps"]
        rows.append(("time until another ion takes a place (van Hove)", f"{format_number(time, 2)} ps"))
    return rows


def _estimate(content: Content) -> str:
    return format_estimate(content["value"], content["stderr"])


def _interval(content: Content) -> str:
    return format_interval(content["value"], content.get("lower"), content.get("upper"))


def _formula(run: Content) -> str:
    counts = run["composition"]
    return " ".join(f"{element}{count}" for element, count in counts.items())
