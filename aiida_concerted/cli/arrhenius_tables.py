"""Activation energies as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from aiida_concerted.cli.run_tables import ABSENT, print_table, print_warnings
from aiida_concerted.common.numbers import format_estimate, format_interval
from aiida_concerted.common.units import S_PER_M_IN_MS_PER_CM

Content = Mapping[str, Any]

TITLES = {"diffusivity": "tracer D*", "charge_diffusivity": "charge Dσ"}
SHAPES = {
    "arrhenius": "a straight line fits",
    "vogel-fulcher-tammann": "bends as a Vogel–Fulcher–Tammann curve",
    "two-pieces": "two lines fit better than one",
    "not assessed": "whether the line bends is not assessed below five temperatures",
}


def print_arrhenius(content: Content, console: Console) -> None:
    """Print the fits over several temperatures.

    :param content: the JSON form.
    :param console: where to print; 100 columns are enough.
    """
    temperatures = ", ".join(f"{temperature:g}" for temperature in content["temperatures_K"])
    console.print(f"[bold]Temperatures[/bold] {temperatures} K; carrier {escape(content['carrier'])}\n", soft_wrap=True)
    fits = {key: content[key] for key in TITLES if key in content}
    columns: tuple[str, ...]
    if fits:
        columns = ("diffusivity", "Ea, eV", "prefactor, m² s⁻¹", "at 300 K (95 %), m² s⁻¹", "σ(300 K), mS cm⁻¹")
        print_table(console, "Diffusion", columns, [_diffusion_row(TITLES[key], fit) for key, fit in fits.items()])
        for note in _notes(fits):
            console.print(f"  [dim]{escape(note)}[/dim]", soft_wrap=True)
        console.print()
    if content.get("modes"):
        columns = ("mode", "events", "Ea, eV", "95 %, eV", "attempts per cell and s", "")
        fitted = [mode for mode in content["modes"] if "activation_energy_eV" in mode]
        print_table(console, "Concerted modes", columns, [_mode_row(mode) for mode in fitted])
        _print_unfitted([mode for mode in content["modes"] if "activation_energy_eV" not in mode], console)
        console.print()
    print_warnings(content["warnings"], console)


def _diffusion_row(title: str, fit: Content) -> tuple[str, ...]:
    conductivity = {key: number * S_PER_M_IN_MS_PER_CM for key, number in fit["conductivity_300K_S_m"].items()}
    return (
        title,
        _estimate(fit["activation_energy_eV"]),
        _estimate(fit["prefactor_m2_s"]),
        _interval(fit["extrapolated_300K_m2_s"]),
        _interval(conductivity),
    )


def _notes(fits: Mapping[str, Content]) -> list[str]:
    notes = []
    for key, fit in fits.items():
        if fit["excluded_temperatures_K"]:
            cold = ", ".join(f"{temperature:g}" for temperature in fit["excluded_temperatures_K"])
            notes.append(f"{TITLES[key]}: no positive value at {cold} K, left out")
        if "reduced_chi_square" in fit:
            notes.append(f"{TITLES[key]}: {SHAPES[fit['bend']]}; reduced χ² {fit['reduced_chi_square']:.2f}")
    return notes


def _mode_row(mode: Content) -> tuple[str, ...]:
    energy = mode["activation_energy_eV"]
    return (
        mode["label"],
        f"{mode['n_events']:.0f}",
        _estimate(energy),
        f"{energy['lower']:.3f} – {energy['upper']:.3f}",
        _estimate(mode["attempt_frequency_s"]),
        "named" if mode["named"] else "",
    )


def _print_unfitted(modes: list[Content], console: Console) -> None:
    """Print the modes without an energy, those of one reason together."""
    by_reason: dict[str, list[str]] = {}
    for mode in modes:
        by_reason.setdefault(mode.get("reason", ABSENT), []).append(f"{mode['label']} ({mode['n_events']:.0f})")
    for reason, labels in by_reason.items():
        console.print(f"  [dim]no energy of {escape(', '.join(labels))}: {escape(reason)}[/dim]", soft_wrap=True)


def _estimate(content: Content) -> str:
    return format_estimate(content["value"], content["stderr"])


def _interval(content: Content) -> str:
    return format_interval(content["value"], content.get("lower"), content.get("upper"))
