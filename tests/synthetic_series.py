"""JSON forms of analyses at several temperatures, drawn from known Arrhenius laws."""

from __future__ import annotations

from typing import Any

import numpy as np

from aiida_concerted.common.units import BOLTZMANN_EV_PER_K

DIFFUSION_EV, DIFFUSION_PREFACTOR = 0.23, 2e-7
MODES_EV = {"A-B-A": 0.32, "A-C-A": 0.15}
RATES_PER_PS = {"A-B-A": 4.0, "A-C-A": 0.6}
SIDE_RATIO, EXPOSURE_CELL_PS = 8.0, 20_000.0


def boltzmann(energy_eV: float, temperature_K: float) -> float:
    return float(np.exp(-energy_eV / (BOLTZMANN_EV_PER_K * temperature_K)))


def analysis_at(temperature_K: float, rng: np.random.Generator) -> dict[str, Any]:
    """Return the JSON form of an analysis, counts and diffusivities drawn from the laws above."""
    diffusivity = DIFFUSION_PREFACTOR * boltzmann(DIFFUSION_EV, temperature_K)
    tracer = diffusivity * (1.0 + 0.03 * rng.normal())
    modes = []
    for label, energy in MODES_EV.items():
        expected = EXPOSURE_CELL_PS * RATES_PER_PS[label] * boltzmann(energy, temperature_K)
        background = 2000.0 * boltzmann(0.2, temperature_K)
        modes.append(
            {
                "label": label,
                "named": label == "A-C-A",
                "raw": int(rng.poisson(expected + background)),
                "side_count": int(rng.poisson(SIDE_RATIO * background)),
                "side_ratio": SIDE_RATIO,
                "exposure_cell_ps": EXPOSURE_CELL_PS,
                "dispersion": 1.0,
            }
        )
    return {
        "schema": "aiida-concerted/analysis/1",
        "frame": "framework",
        "input": {
            "carrier": "Li",
            "temperature_K": temperature_K,
            "n_carriers": 360,
            "volume_A3": 20000.0,
            "composition": {"Li": 360, "P": 72, "S": 432},
        },
        "settings": {"charge": 1.0},
        "site_model": {"material": "toy", "counts_per_cell": {"A": 4, "B": 2, "C": 2}, "max_edge_A": 3.8, "groups": []},
        "mode_definition": {"window_ps": 1.0, "recrossing_ps": 1.0},
        "diffusivity": {
            "tracer_m2_s": {"value": tracer, "stderr": 0.03 * tracer},
            "charge_m2_s": {"value": 2.0 * tracer, "stderr": 0.2 * tracer},
            "sampling": "sufficient",
        },
        "modes": modes,
    }


def series(temperatures_K: tuple[float, ...], seed: int) -> dict[str, dict[str, Any]]:
    """Return analyses by name, ``T600`` and so on."""
    rng = np.random.default_rng(seed)
    return {f"T{temperature:g}": analysis_at(temperature, rng) for temperature in temperatures_K}
