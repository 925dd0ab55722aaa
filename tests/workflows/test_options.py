"""Scheduler options, and how GPUs are asked for in the script of a job."""

import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.calculations.lammps_replicas import LammpsReplicasCalculation
from aiida_concerted.workflows.lammps.base import LammpsBaseWorkChain
from aiida_concerted.workflows.options import calcjob_options, options_of_runs, remember_options

SCHEDULERS = {
    "core.slurm": "#SBATCH --gres=gpu:2",
    "core.lsf": '#BSUB -gpu "num=2"',
    "concerted.pbspro": "#PBS -l select=1:mpiprocs=1:ngpus=2",
    "concerted.torque": "#PBS -l nodes=1:ppn=1:gpus=2,walltime=01:00:00",
}


@pytest.fixture
def code_with(aiida_profile, tmp_path):
    """Return a function that makes a code on a computer with a scheduler."""

    def make(scheduler):
        label = scheduler.replace(".", "-")
        computer = orm.Computer(
            label=label, hostname="localhost", transport_type="core.local", scheduler_type=scheduler,
            workdir=str(tmp_path),
        ).store()  # fmt: skip
        computer.configure()
        return orm.InstalledCode(
            label=f"lmp-{label}", computer=computer, filepath_executable="/bin/true",
            default_calc_job_plugin="concerted.lammps.md",
        ).store()  # fmt: skip

    return make


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.usefixtures("aiida_profile_clean")
def test_one_setting_asks_each_scheduler_for_gpus(
    code_with, scheduler, potentials, sound_structure, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code = code_with(scheduler)
    builder = LammpsMdCalculation.get_builder()
    builder.code, builder.structure, builder.models = code, sound_structure, potentials
    builder.parameters = orm.Dict({"carrier": "Li", "temperature_K": 300.0, "production_ps": 0.1})
    options = calcjob_options({"gpus": 2, "max_wallclock_seconds": 3600}, code)
    builder.metadata = {"options": options, "dry_run": True, "store_provenance": False}
    run_get_node(builder)
    scripts = list(tmp_path.glob("submit_test/*/_aiidasubmit.sh"))
    assert len(scripts) == 1
    lines = scripts[0].read_text().splitlines()
    assert lines.count(SCHEDULERS[scheduler]) == 1
    assert sum("gpu" in line for line in lines) == 1


OF_FOUR_RUNS = {
    "core.slurm": ["#SBATCH --gres=gpu:1", "#SBATCH --ntasks-per-node=4"],
    "core.lsf": ['#BSUB -gpu "num=1"', "#BSUB -n 4"],
    "concerted.pbspro": ["#PBS -l select=1:mpiprocs=4:ngpus=1"],
    "concerted.torque": ["#PBS -l nodes=1:ppn=4:gpus=1"],
}
"""What asks for one GPU that four runs share, and for a core for each of them."""


def script_of_runs(code, models, structure, folder, **options):
    """Return the lines of the script of a job of four runs, as their work chain asks for it."""
    names = [f"run_T{temperature}" for temperature in (600, 700, 800, 900)]
    builder = LammpsReplicasCalculation.get_builder()
    builder.code, builder.models = code, models
    parameters = {"carrier": "Li", "temperature_K": 300.0, "production_ps": 0.1}
    builder.replicas = {name: {"structure": structure, "parameters": orm.Dict(parameters)} for name in names}
    given = options_of_runs(calcjob_options({"gpus": 1, **options}, code), len(names))
    builder.metadata = {"options": given, "dry_run": True, "store_provenance": False}
    run_get_node(builder)
    (script,) = folder.glob("submit_test/*/_aiidasubmit.sh")
    return script.read_text().splitlines()


@pytest.mark.parametrize("scheduler", OF_FOUR_RUNS)
@pytest.mark.usefixtures("aiida_profile_clean")
def test_runs_of_a_job_share_its_gpu_and_have_a_process_each(
    code_with, scheduler, potentials, sound_structure, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    lines = script_of_runs(code_with(scheduler), potentials, sound_structure, tmp_path)
    assert [line for line in OF_FOUR_RUNS[scheduler] if lines.count(line) == 1] == OF_FOUR_RUNS[scheduler]
    commands = [line for line in lines if line.startswith("'/bin/true'")]
    assert len(commands) == 4
    first = "'-in' 'run_T600/input.in' '-log' 'run_T600/log.lammps' '-screen' 'none'  > 'run_T600/lammps.out' 2>&1 &"
    assert commands[0] == f"'/bin/true' {first}"
    assert all(line.endswith(" &") for line in commands)
    assert lines.count("wait") == 1


@pytest.mark.usefixtures("aiida_profile_clean")
def test_with_mpi_the_runs_of_a_job_are_partitions_of_one_lammps(
    code_with, potentials, sound_structure, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    resources = {"num_machines": 2, "num_mpiprocs_per_machine": 1}
    lines = script_of_runs(
        code_with("core.slurm"), potentials, sound_structure, tmp_path, withmpi=True, resources=resources
    )
    assert "#SBATCH --nodes=2" in lines
    assert "#SBATCH --ntasks-per-node=4" in lines
    (command,) = [line for line in lines if "'/bin/true'" in line]
    assert command.startswith("'mpirun' '-np' '8' '/bin/true' '-partition' '4x2' '-in' 'input.in' ")


def test_what_is_counted_for_a_run_is_counted_for_each_of_a_job():
    one = {"resources": {"tot_num_mpiprocs": 2, "num_cores_per_mpiproc": 3}, "max_memory_kb": 1000, "withmpi": False}
    four = options_of_runs(one, 4)
    assert four["resources"] == {"tot_num_mpiprocs": 8, "num_cores_per_mpiproc": 3}
    assert four["max_memory_kb"] == 4000
    assert one["resources"]["tot_num_mpiprocs"] == 2
    assert options_of_runs({"resources": {"num_machines": 1}}, 3)["resources"]["num_mpiprocs_per_machine"] == 3


@pytest.mark.usefixtures("aiida_profile_clean")
def test_other_directives_stay_and_no_gpus_ask_for_none(code_with):
    code = code_with("core.slurm")
    options = calcjob_options({"gpus": 1, "custom_scheduler_commands": "#SBATCH --constraint=a100"}, code)
    assert options["custom_scheduler_commands"].splitlines() == ["#SBATCH --constraint=a100", "#SBATCH --gres=gpu:1"]
    assert calcjob_options({"gpus": 0}, code) == calcjob_options({}, code)
    assert "gpus" not in options


@pytest.mark.usefixtures("aiida_profile_clean")
def test_a_computer_without_scheduler_is_not_asked(code_with):
    assert calcjob_options({"gpus": 2}, code_with("core.direct")) == calcjob_options()


@pytest.mark.parametrize(
    ("scheduler", "cure"),
    [
        ("core.pbspro", "concerted.pbspro"),
        ("core.torque", "concerted.torque"),
        ("core.sge", "custom_scheduler_commands"),
    ],
)
@pytest.mark.usefixtures("aiida_profile_clean")
def test_where_there_is_no_way_the_cure_is_named(code_with, scheduler, cure):
    with pytest.raises(ValueError, match=cure) as caught:
        calcjob_options({"gpus": 1}, code_with(scheduler))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("gpus", [-1, 1.5, "two", True])
def test_numbers_of_gpus_are_whole(gpus):
    with pytest.raises(ValueError, match="whole number"):
        calcjob_options({"gpus": gpus})


@pytest.mark.usefixtures("aiida_profile_clean")
def test_a_scheduler_with_gpus_refuses_nonsense(code_with):
    scheduler = code_with("concerted.pbspro").computer.get_scheduler()
    with pytest.raises(ValueError, match="num_gpus_per_machine must be a whole number"):
        scheduler.create_job_resource(num_machines=1, num_mpiprocs_per_machine=1, num_gpus_per_machine="two")
    assert scheduler.create_job_resource(num_machines=1, num_mpiprocs_per_machine=1)["num_gpus_per_machine"] is None


@pytest.mark.usefixtures("aiida_profile_clean")
def test_builders_take_gpus(code_with, potentials, sound_structure, monkeypatch):
    monkeypatch.setattr("aiida_concerted.workflows.lammps.base.check_code", lambda *_: None)
    builder = LammpsBaseWorkChain.get_builder_from_protocol(
        code_with("core.slurm"), sound_structure, potentials, options={"gpus": 4}
    )
    assert builder.md.metadata.options["custom_scheduler_commands"] == "#SBATCH --gres=gpu:4"


@pytest.mark.usefixtures("aiida_profile_clean")
def test_a_code_brings_options_of_its_own_and_the_last_word_on_gpus_counts(code_with):
    code = code_with("core.slurm")
    remember_options(code, {"gpus": 1, "queue_name": "gpu", "custom_scheduler_commands": "#SBATCH --hint=x"})
    options = calcjob_options({"max_wallclock_seconds": 60}, code)
    assert options["queue_name"] == "gpu"
    assert options["max_wallclock_seconds"] == 60
    assert options["custom_scheduler_commands"] == "#SBATCH --hint=x\n#SBATCH --gres=gpu:1"
    assert calcjob_options(options, code) == options  # a study file passes over them a second time
    more = calcjob_options({**options, "gpus": 4, "queue_name": "big"}, code)
    assert more["custom_scheduler_commands"] == "#SBATCH --hint=x\n#SBATCH --gres=gpu:4"
    assert more["queue_name"] == "big"
    none = calcjob_options({**options, "gpus": 0}, code)
    assert none["custom_scheduler_commands"] == "#SBATCH --hint=x"
    assert calcjob_options({"gpus": 0}, code_with("concerted.pbspro"))["resources"] == calcjob_options()["resources"]
