"""A finished study without running an engine: a lattice gas on the sites of LGPS, analysed by the real functions."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState
from sqlalchemy.exc import SAWarning

from aiida_concerted.analysis.placement import place_network
from aiida_concerted.calculations.functions.analyse_site_history import analyse_site_history
from aiida_concerted.calculations.functions.assign_carrier_sites import assign_carrier_sites
from aiida_concerted.calculations.functions.compute_diffusivity import compute_diffusivity
from aiida_concerted.calculations.functions.compute_vacancy_energies import average_by_label
from aiida_concerted.calculations.functions.fit_arrhenius import fit_diffusivity
from aiida_concerted.calculations.functions.fit_modes import fit_modes
from aiida_concerted.calculations.functions.summarise_learning import summarise_learning
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.data.results import VacancyFormationData
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from tests.synthetic_lattice import lattice_gas, thermal_positions
from tests.synthetic_md import random_frames

SURROGATE = "concerted-vasp-surrogate 0.1 (CHGNet 0.3.0, not DFT)"
REPETITIONS = (2, 2, 1)
N_CARRIERS = 80


@dataclass
class SyntheticStudy:
    """How the study is to be.

    :param temperatures_K: temperatures that the sweep was asked for.
    :param reached_K: those that it reached; all where not given.
    :param parts: of ``learn``, ``sweep``, ``vacancy`` those that have results.
    """

    temperatures_K: tuple[float, ...] = (600.0, 800.0, 1000.0, 1200.0)
    reached_K: tuple[float, ...] | None = None
    parts: tuple[str, ...] = ("learn", "sweep", "vacancy")
    material: str = "LGPS"
    level_of_theory: str = SURROGATE
    exit_status: int | None = 0
    n_frames: int = 300
    outputs: dict[str, orm.Data] = field(default_factory=dict)

    def store(self, code: orm.AbstractCode) -> orm.WorkChainNode:
        """Return the stored study."""
        with warnings.catch_warnings():
            # Links are added before their nodes are stored, as AiiDA wants them, and SQLAlchemy remarks on it.
            warnings.simplefilter("ignore", SAWarning)
            return self._store(code)

    def _store(self, code: orm.AbstractCode) -> orm.WorkChainNode:
        self.code = code
        self.sites = SiteNetworkData.from_site_model("lgps").store()
        self.structure = ordered_cell().store()
        inputs = {
            "sites": self.sites,
            "seed": orm.Int(7),
            "sweep__temperatures_K": orm.List(list(self.temperatures_K)),
            "sweep__md": orm.Dict({"timestep_fs": 2.0, "production_ps": 20.0}),
            "learn__accurate_fraction": orm.Float(0.95),
        }
        self.study = process("StudyWorkChain", inputs=inputs, exit_status=self.exit_status)
        relax = process("VaspBaseWorkChain", self.study, "relax")
        returned(relax, {"structure": self.structure})
        self.outputs["structure"] = self.structure
        for temperature in (600, 1000):
            process("VaspAimdWorkChain", self.study, f"aimd_T{temperature}")
        for part in self.parts:
            getattr(self, f"_{part}")()
        returned(self.study, self.outputs)
        return self.study

    def _attach(self, part: str, child: orm.ProcessNode, outputs: Mapping[str, orm.Data]) -> None:
        returned(child, outputs)
        if self.exit_status is not None:
            self.outputs |= {f"{part}__{label}": node for label, node in outputs.items()}

    def _learn(self) -> None:
        learn = process("LearnWorkChain", self.study, "learn")
        dataset = LabelledFramesData(random_frames(), level_of_theory=self.level_of_theory).store()
        table: dict[str, orm.Data] = {}
        for turn in (1, 2):
            iteration = process("IterationWorkChain", learn, f"iteration_{turn:02d}")
            explore = process("ExploreWorkChain", iteration, "explore")
            runs = {f"cell_T{T}": T for T in (400, 800, 1200)}
            deviations = {name: self._exploration(explore, name, T, turn) for name, T in runs.items()}
            statistics = orm.Dict(self._statistics(runs, deviations, turn)).store()
            observed = {"temperature_K": 800.0, "diffusivity_m2_s": 1e-9 * turn, "diffusivity_stderr_m2_s": 1e-10}
            observable = orm.Dict(observed).store()
            found = {"statistics": statistics, "observable": observable}
            returned(explore, {**found, **{f"deviations__{k}": v for k, v in deviations.items()}})
            table |= {f"{name}__{turn:02d}": node for name, node in found.items()}
            errors = {f"model_{i}": metrics(turn, i).store() for i in range(4)}
            committee = process("DeepmdCommitteeWorkChain", iteration, "committee")
            returned(committee, {f"metrics__{name}": node for name, node in errors.items()})
            table |= {f"metrics__{turn:02d}__{name}": node for name, node in errors.items()}
            if turn == 1:
                label = process("VaspLabelWorkChain", iteration, "label")
                names = ["cell_T800_f00003", "cell_T1200_f00001"]  # one of three that were picked has no label
                returned(label, {"results": orm.Dict({"names": names, "labelled": 2}).store()})
        table["labels__01"] = dataset
        table |= {f"metrics__03__model_{i}": metrics(3, i) for i in range(4)}
        table["verdict"] = orm.Dict({"rule": "budget", "reason": "the budget of 2 turns is spent"})
        outputs: dict[str, orm.Data] = {"dataset": dataset, "table": summarise_learning(**table)}
        for index in range(4):
            outputs[f"models__model_{index}"] = potential(index, self.level_of_theory).store()
            outputs[f"learning_curves__model_{index}"] = learning_curve(index).store()
            outputs[f"evaluations__model_{index}"] = evaluation(index).store()
        self._attach("learn", learn, outputs)

    def _exploration(self, explore: orm.ProcessNode, name: str, temperature: float, turn: int) -> orm.ArrayData:
        job = md_job(explore, name, self.code)
        rng = np.random.default_rng(int(temperature) + turn)
        deviation = np.exp(rng.normal(np.log(0.03 * np.sqrt(temperature / 300) / turn**0.5), 0.5, size=120))
        node = orm.ArrayData()
        node.set_array("frame", np.arange(120))
        node.set_array("max_devi_f_eV_A", deviation)
        created(job, {"model_deviation": node, "trajectory": small_run(temperature)})
        return node

    @staticmethod
    def _statistics(runs: Mapping[str, float], deviations: Mapping[str, orm.ArrayData], turn: int) -> dict[str, Any]:
        counts = {}
        for name, temperature in runs.items():
            values = deviations[name].get_array("max_devi_f_eV_A")
            accurate, failed = int((values < 0.05).sum()), int((values >= 0.15).sum())
            candidate = len(values) - accurate - failed
            counts[name] = {
                "temperature_K": temperature, "accurate": accurate, "candidate": candidate, "failed": failed,
            }  # fmt: skip
        picked = {"selected": {"cell_T800": [3, 8], "cell_T1200": [1]}} if turn == 1 else {"selected": {}}
        screened = {"screened": {"cell_T1200": {"min_distance": 4}}} if turn == 1 else {}
        decision = {"decision": {"rule": "dpgen", **screened}}
        levels = {"trust_lower_eV_A": 0.05, "trust_upper_eV_A": 0.15}
        return {**levels, "seed": 7, "runs": counts, **picked, **decision}

    def _sweep(self) -> None:
        sweep = process("SweepWorkChain", self.study, "sweep")
        settings = {"material": self.material, "window_ps": 1.0, "recrossing_ps": 0.2, "seed": 7}
        parameters = orm.Dict({**settings, "charge": 1.0, "study_uuid": self.study.uuid}).store()
        outputs: dict[str, orm.Data] = {}
        for temperature in self.reached_K or self.temperatures_K:
            run = f"run_T{temperature:g}"
            job = md_job(sweep, run, self.code)
            trajectory = lattice_gas_run(self.sites, temperature, self.n_frames, self.level_of_theory)
            created(job, {"trajectory": trajectory})
            outputs[f"trajectories__{run}"] = trajectory
            outputs[f"diffusivities__{run}"] = compute_diffusivity(trajectory, parameters)
            history = assign_carrier_sites(trajectory, self.sites, parameters)
            analysed = analyse_site_history(history, self.sites, parameters)
            outputs[f"site_histories__{run}"] = history
            outputs[f"site_statistics__{run}"] = analysed["statistics"]
            outputs[f"modes__{run}"] = analysed["modes"]
        points = {k.split("__")[1]: v for k, v in outputs.items() if k.startswith("diffusivities")}
        modes = {k.split("__")[1]: v for k, v in outputs.items() if k.startswith("modes")}
        if len(points) > 1:
            outputs["arrhenius__diffusivity"] = fit_diffusivity(**points)
            outputs |= {f"arrhenius__{label}": fit for label, fit in fit_modes(**modes).items()}
        self._attach("sweep", sweep, outputs)

    def _vacancy(self) -> None:
        vacancy = process("VaspVacancyWorkChain", self.study, "vacancy")
        node = vacancies(self.material, self.level_of_theory)
        self._attach("vacancy", vacancy, {"vacancy": node.store()})


def process(
    process_label: str,
    caller: orm.ProcessNode | None = None,
    call_label: str = "",
    *,
    inputs: Mapping[str, orm.Data] | None = None,
    code: orm.AbstractCode | None = None,
    exit_status: int | None = 0,
) -> orm.ProcessNode:
    """Return a stored process that was not run; without an exit status it is still running."""
    node = orm.CalcJobNode(computer=code.computer) if code else orm.WorkChainNode()
    kind = (LinkType.INPUT_CALC, LinkType.CALL_CALC) if code else (LinkType.INPUT_WORK, LinkType.CALL_WORK)
    node.set_process_label(process_label)
    if code:
        node.set_process_type("aiida.calculations:concerted.lammps.md")
        node.set_option("resources", {"num_machines": 1, "num_mpiprocs_per_machine": 2})
    node.set_process_state(ProcessState.RUNNING if exit_status is None else ProcessState.FINISHED)
    if exit_status is not None:
        node.set_exit_status(exit_status)
    if exit_status:
        node.set_exit_message("the vacancy energies failed")
    for label, data in {**(inputs or {}), **({"code": code} if code else {})}.items():
        node.base.links.add_incoming(data.store(), kind[0], label)
    if caller is not None:
        node.base.links.add_incoming(caller, kind[1], call_label)
    return node.store()


def md_job(parent: orm.ProcessNode, run: str, code: orm.AbstractCode) -> orm.ProcessNode:
    """Return the calculation of a run of molecular dynamics in one segment."""
    chain = process("LammpsMdWorkChain", parent, run)
    segment = process("LammpsSegmentWorkChain", chain, "segment_001")
    return process("LammpsMdCalculation", segment, "iteration_01", code=code)


def returned(process_node: orm.ProcessNode, outputs: Mapping[str, orm.Data]) -> None:
    """Link stored data as what a work chain returned."""
    for label, node in outputs.items():
        node.base.links.add_incoming(process_node, LinkType.RETURN, label)


def created(job: orm.ProcessNode, outputs: Mapping[str, orm.Data]) -> None:
    """Link and store data as what a calculation created."""
    for label, node in outputs.items():
        node.base.links.add_incoming(job, LinkType.CREATE, label)
        node.store()


def ordered_cell() -> orm.StructureData:
    """Return a cell with the lattice of LGPS."""
    structure = orm.StructureData(cell=np.diag([8.71, 8.71, 12.61]).tolist())
    for index in range(20):
        structure.append_atom(position=(0.1, 0.2, 0.6 * index), symbols="Li")
    return structure


def small_run(temperature: float) -> MolecularDynamicsData:
    """Return a run of a few carriers, for its frame interval."""
    positions = np.random.default_rng(1).normal(size=(3, 2, 3))
    return MolecularDynamicsData.from_trajectory(
        Trajectory("Li", positions, np.diag([9.0, 9.0, 9.0]), 0.01, temperature_K=temperature)
    )


def lattice_gas_run(
    sites: SiteNetworkData,
    temperature: float,
    n_frames: int,
    level_of_theory: str,
    *,
    repetitions: tuple[int, int, int] = REPETITIONS,
    seed: int | None = None,
) -> MolecularDynamicsData:
    """Return a run of carriers that hop along the edges of the network, some of them pushing another on."""
    network = sites.get_network()
    cell = network.cell * np.array(repetitions)[:, None]
    placed = place_network(network, cell, origin_shift=(0.0, 0.0, 0.0))
    rng = np.random.default_rng(int(temperature) if seed is None else seed)
    n_carriers = N_CARRIERS * int(np.prod(repetitions)) // int(np.prod(REPETITIONS))
    rate = 2.4 * np.exp(-0.2 / (BOLTZMANN_EV_PER_K * temperature))
    dense = lattice_gas(rng, placed, rate * 0.05, n_frames, n_carriers)
    corners = np.stack(np.meshgrid(*(range(n) for n in repetitions), indexing="ij"), axis=-1).reshape(-1, 3)
    fractional = (network.framework_fractional[None] + corners[:, None]).reshape(-1, 3)
    framework = np.tile(fractional @ network.cell, (n_frames, 1, 1))
    trajectory = Trajectory(
        carrier="Li",
        carriers=thermal_positions(rng, placed, dense),
        cell=cell,
        frame_interval_ps=0.05,
        framework_species=tuple(kinds[0] for kinds in network.framework_elements) * len(corners),
        framework=framework,
        framework_displacement=np.zeros((n_frames, 3)),
        temperature_K=temperature,
    )
    return MolecularDynamicsData.from_trajectory(trajectory, level_of_theory=level_of_theory, material="LGPS")


def metrics(turn: int, index: int) -> orm.Dict:
    """Return errors of one member as the training reports them."""
    scale = (1.0 + 0.1 * index) / turn
    errors = {"rmse_energy_eV_per_atom": 4e-3 * scale, "rmse_force_eV_A": 0.2 * scale, "n_frames": 40}
    return orm.Dict({"held_out": errors, "in_set": {**errors, "rmse_force_eV_A": 0.15 * scale}}).store()


def potential(index: int, level_of_theory: str) -> DeepPotentialData:
    """Return a potential node whose file is no potential."""
    return DeepPotentialData(
        io.BytesIO(f"model {index}".encode()),
        filename="model.pb",
        type_map=["Ge", "Li", "P", "S"],
        cutoff_A=6.0,
        version="3.2.0",
        level_of_theory=level_of_theory,
        seed=7 + 1000 * index,
    )


def learning_curve(index: int) -> orm.ArrayData:
    """Return errors that fall with the steps."""
    steps = np.arange(0, 2001, 50, dtype=float)
    rng = np.random.default_rng(index)
    node = orm.ArrayData()
    node.set_array("step", steps)
    node.set_array("rmse_force_training_eV_A", (0.5 * np.exp(-steps / 600) + 0.08) * rng.lognormal(0, 0.1, len(steps)))
    node.set_array("rmse_force_validation_eV_A", (0.5 * np.exp(-steps / 600) + 0.1) * rng.lognormal(0, 0.1, len(steps)))
    return node


def evaluation(index: int) -> orm.ArrayData:
    """Return predictions with small errors."""
    rng = np.random.default_rng(index)
    node = orm.ArrayData()
    energies, forces = rng.normal(-4.3, 0.01, size=40), rng.normal(0, 0.8, size=(2000, 3))
    node.set_array("reference_energies_eV_per_atom", energies)
    node.set_array("predicted_energies_eV_per_atom", energies + rng.normal(0, 1e-3, size=40))
    node.set_array("reference_forces_eV_A", forces.astype(np.float32))
    node.set_array("predicted_forces_eV_A", (forces + rng.normal(0, 0.07, size=forces.shape)).astype(np.float32))
    return node


def vacancies(material: str, level_of_theory: str) -> VacancyFormationData:
    """Return energies of some sites; no carrier sits on Li3."""
    energies = {"Li1": (3.05, 3.18), "Li2": (3.21,), "Li4": (3.09, 3.15)}
    sites = [
        {"name": f"vacancy_{label}{i}", "label": label, "index": i, "multiplicity": 1 + i, "distance_A": 0.3,
         "formation_energy_eV": energy}
        for label, values in energies.items()
        for i, energy in enumerate(values)
    ]  # fmt: skip
    return VacancyFormationData(
        attributes={
            "material": material,
            "formula": "GeLi10P2S12",
            "carrier": "Li",
            "level_of_theory": level_of_theory,
            "n_atoms": 50,
            "missing_labels": ["Li3"],
            "reference_energy_eV_per_atom": -1.9,
            "perfect_energy_eV": -212.0,
            **average_by_label(sites),
        },
        result={"sites": sites, "failed": [], "doubtful_labels": [], "max_distance_A": 1.0},
    )
