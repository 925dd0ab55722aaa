"""The demonstration at the tiniest scale that has all its steps: ``python -m tests.study.tiny FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from aiida_concerted.cli.demonstration import Demonstration
from aiida_concerted.cli.main import run_reporting_errors
from aiida_concerted.environment.build import build_demo_study
from aiida_concerted.environment.folder import DemoFolder

TRAIN = {
    "n_models": 2,
    "train": {
        "n_steps": 60,
        "cutoff_A": 5.0,
        "smooth_cutoff_A": 2.0,
        "descriptor_neurons": [4, 8],
        "fitting_neurons": [8, 8],
    },
}
RELAXED = {"nsw": 3, "ediffg": -50.0}  # any force is small enough, so the first step is the last
MD = {"frame_interval_ps": 0.01, "timestep_fs": 1.0}
OVERRIDES = {
    "aimd_temperatures_K": [600, 900],
    "held_out_temperatures_K": [700],
    "relax": {"incar_relax": RELAXED},
    "aimd": {"n_steps": 8, "discard_steps": 0, "stride": 1},
    "learn": {
        "iteration": {
            "committee": TRAIN,
            "explore": {
                "temperatures_K": [300, 400],
                # Nets of 60 steps deviate by eV/Å: without an upper limit there is always something to label.
                "selection": {"trust_lower_eV_A": 0.01, "trust_upper_eV_A": 1000.0, "max_selected": 1},
                "md": {**MD, "equilibration_ps": 0.0, "production_ps": 0.03, "deviation_interval_ps": 0.01},
            },
        },
        "final": {**TRAIN, "train": {**TRAIN["train"], "n_steps": 800}},  # so that production survives
    },
    "sweep": {
        "supercell": [1, 1, 1],
        "temperatures_K": [50, 100, 150],
        "md": {
            **MD,
            "anneal_from_K": 20,
            "anneal_ps": 0.02,
            "equilibration_ps": 0.0,
            "production_ps": 0.3,
            "restart_interval_ps": 0.1,
        },
        "analysis": {"window_ps": 0.1, "recrossing_ps": 0.02},
    },
    "vacancy": {"vasp": {"incar_relax": RELAXED}},
}


def main() -> int:
    demonstration = Demonstration(
        DemoFolder.at(Path(sys.argv[1])),
        {},
        1,
        build=lambda codes, settings: build_demo_study(codes, settings, overrides=OVERRIDES),
    )
    return run_reporting_errors(demonstration.run)


if __name__ == "__main__":
    sys.exit(main())
