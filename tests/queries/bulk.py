"""Many nodes at once, without the cost of storing them one by one."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from datetime import datetime
from itertools import cycle
from math import exp
from typing import Any

from aiida import orm
from aiida.common import timezone
from aiida.manage import get_manager
from aiida.orm.entities import EntityTypes

from aiida_concerted.common.units import BOLTZMANN_EV_PER_K
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.data.results import ArrheniusData, DiffusivityData, ModeFrequenciesData, VacancyFormationData
from aiida_concerted.data.sites import SiteHistoryData
from aiida_concerted.data.trajectory import MolecularDynamicsData

MATERIALS = ("LGPS", "LSiPS", "Li6PS5Cl", "Na3PS4", "Li3PS4")
FORMULAS = {
    "LGPS": "Li10GeP2S12", "LSiPS": "Li10SiP2S12", "Li6PS5Cl": "Li6PS5Cl", "Na3PS4": "Na3PS4", "Li3PS4": "Li3PS4"
}  # fmt: skip
TEMPERATURES_K = (600.0, 700.0, 800.0, 1000.0, 1200.0)


class BulkProfile:
    """Nodes and links to be inserted into the loaded profile in a few statements.

    :param created: when all of them were made; as they are added where not given.
    :param theories: levels of theory, of which studies have one after the other.
    """

    def __init__(
        self, seed: int = 1, created: datetime | None = None, theories: Sequence[str] = ("PBE/VASP 6.4.2",)
    ) -> None:
        self.created = created
        self.theories = cycle(theories)
        self.random, self.other = random.Random(seed), random.Random(seed)
        self.nodes: list[dict[str, Any]] = []
        self.links: list[dict[str, Any]] = []
        self.storage = get_manager().get_profile_storage()
        self.user = orm.User.collection.get_default().pk

    def add(self, node_class: type[orm.Node], attributes: dict[str, Any]) -> int:
        """Return the number of a new node among these."""
        now = self.created or timezone.now()
        if issubclass(node_class, orm.ProcessNode):
            attributes = {**attributes, "sealed": True}
        self.nodes.append(
            {"uuid": str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
             "node_type": node_class.class_node_type, "process_type": None, "label": "", "description": "",
             "ctime": now, "mtime": now, "attributes": attributes, "extras": {}, "repository_metadata": {},
             "dbcomputer_id": None, "user_id": self.user}
        )  # fmt: skip
        return len(self.nodes) - 1

    def link(self, source: int, target: int, kind: str, label: str) -> None:
        """Link two nodes."""
        self.links.append({"input_id": source, "output_id": target, "label": label, "type": kind})

    def computed(self, inputs: list[int], outputs: list[int], function: str = "function") -> int:
        """Return the number of a calcfunction between nodes."""
        process = self.add(orm.CalcFunctionNode, {"process_label": function})
        for number, pk in enumerate(inputs):
            self.link(pk, process, "input_calc", f"input_{number}")
        for number, pk in enumerate(outputs):
            self.link(process, pk, "create", f"output_{number}")
        return process

    def add_sweep(self, of_study: dict[str, Any], model: int, digest: str, code: int) -> None:
        """Add the runs of one sweep and their results."""
        formula = FORMULAS[of_study["material"]]
        common = {**of_study, "formula": formula, "carrier": formula[:2], "n_atoms": 900}
        points: list[int] = []
        frequencies: list[int] = []
        for temperature in TEMPERATURES_K:
            at = {**common, "temperature_K": temperature}
            run = self.add(MolecularDynamicsData, {
                **at, "potential_sha256": digest, "n_frames": 5000, "frame_interval_ps": 0.1, "n_carriers": 360,
            })  # fmt: skip
            job = self.add(orm.CalcJobNode, {"process_label": "LammpsMdCalculation"})
            self.link(model, job, "input_calc", "models__model_0")
            self.link(code, job, "input_calc", "code")
            self.link(job, run, "create", "trajectory")
            value = self.random.lognormvariate(-20, 1)
            points.append(self.add(DiffusivityData, {
                **at, "diffusivity_m2_s": value, "diffusivity_stderr_m2_s": 0.1 * value, "haven_ratio": 0.4,
                "haven_ratio_stderr": 0.05, "conductivity_S_m": 12.0, "n_hops": 812.0, "sampling": "sufficient",
                "duration_ps": 500.0, "method": "generalised least squares of the mean squared displacement",
            }))  # fmt: skip
            self.computed([run], [points[-1]])
            history = self.add(SiteHistoryData, {**at, "n_hops": 4000, "n_frames": 5000, "frame_interval_ps": 0.1})
            self.computed([run], [history])
            modes = self.add(ModeFrequenciesData, {
                **at, "window_ps": 1.0, "recrossing_ps": 1.0, "modes": {"Li4-Li1-Li3": 1e9, "Li1-Li3-Li1": 2e9},
                "n_events": {"Li4-Li1-Li3": 12, "Li1-Li3-Li1": 20, "Li2-Li3-Li2": 0},
            })  # fmt: skip
            self.computed([history], [modes])
            frequencies.append(modes)
        energy = self.random.uniform(0.15, 0.4)
        cold = 1e-7 * exp(-energy / (BOLTZMANN_EV_PER_K * 300.0))
        fit = self.add(ArrheniusData, {
            **common, "quantity": "tracer_diffusivity", "activation_energy_eV": energy,
            "activation_energy_stderr_eV": 0.01, "prefactor": 1e-7, "prefactor_unit": "m2_s",
            "diffusivity_300K_m2_s": cold, "conductivity_300K_S_m": 1.1e11 * cold,
            "temperatures_K": list(TEMPERATURES_K), "method": "weighted least squares of ln D",
        })  # fmt: skip
        self.computed(points, [fit])
        for mode in ("Li4-Li1-Li3", "Li1-Li3-Li1"):
            fit = self.add(ArrheniusData, {
                **common, "quantity": "mode_frequency", "mode": mode, "n_events": 80, "prefactor": 1e12,
                "activation_energy_eV": self.other.uniform(0.1, 0.4), "activation_energy_stderr_eV": 0.02,
                "prefactor_unit": "per_cell_s", "temperatures_K": list(TEMPERATURES_K), "method": "joint-poisson",
            })  # fmt: skip
            self.computed(frequencies, [fit])

    def add_study(self, n_others: int = 200) -> str:
        """Return the UUID of a study with a potential, datasets, two sweeps and nodes that nobody asks for.

        :param n_others: how many of the last.
        """
        material = self.random.choice(MATERIALS)
        study = self.add(orm.WorkChainNode, {"process_label": "StudyWorkChain"})
        uuid_of_study = self.nodes[study]["uuid"]
        code = self.add(orm.InstalledCode, {"input_plugin": "concerted.lammps.md"})
        self.nodes[-1]["label"] = "lmp"
        digest = f"{self.random.getrandbits(256):064x}"
        common = {"material": material, "level_of_theory": next(self.theories), "study_uuid": uuid_of_study}
        model = self.add(DeepPotentialData, {
            **common, "type_map": ["Ge", "Li", "P", "S"], "cutoff_A": 6.0, "backend": "tensorflow", "version": "3.2.0",
            "sha256": digest, "seed": 7, "compressed": False,
        })  # fmt: skip
        self.add(LabelledFramesData, {
            **common, "formula": FORMULAS[material], "n_frames": 500, "n_atoms": 50, "content_hash": digest[::-1],
            "species": ["Ge", "Li", "P", "S"], "has_virials": True,
        })  # fmt: skip
        for _ in range(2):
            self.add_sweep(common, model, digest, code)
        energies = {"Li1": 3.1, "Li2": 3.2, "Li4": 3.0}
        self.add(VacancyFormationData, {
            **common, "formula": FORMULAS[material], "carrier": "Li", "n_atoms": 50, "formation_energy_eV": energies,
            "spread_eV": {"Li1": 0.1}, "n_sites": {"Li1": 4, "Li2": 1, "Li4": 2}, "missing_labels": ["Li3"],
            "reference_energy_eV_per_atom": -1.9, "perfect_energy_eV": -212.0,
        })  # fmt: skip
        for number in range(n_others // 2):
            self.add(orm.Dict, {"parameters": {"encut": 500, "nsw": number}, "notes": "x" * 200})
            self.add(orm.CalcJobNode, {"process_label": "VaspCalculation", "exit_status": 0})
        return uuid_of_study

    def insert(self) -> int:
        """Return how many nodes were written to the profile."""
        with self.storage.transaction():
            pks = self.storage.bulk_insert(EntityTypes.NODE, self.nodes, allow_defaults=True)
            ends = [{**link, **{end: pks[link[end]] for end in ("input_id", "output_id")}} for link in self.links]
            self.storage.bulk_insert(EntityTypes.LINK, ends, allow_defaults=True)
        return len(self.nodes)
