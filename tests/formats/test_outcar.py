import pytest

from aiida_concerted.formats.outcar import (
    format_banner,
    format_converged,
    format_setup,
    format_step,
    format_stopped,
    format_timing,
    read_outcar_summary,
)
from tests.formats.vasp_support import description, steps


def log(n=3):
    run = description()
    parts = [format_banner(run.version, run.subversion, run.started), format_setup(run)]
    parts += [format_step(step, run, change=0.5) for step in steps(n)]
    return "".join(parts)


TIMING = format_timing(cpu=3.0, user=2.5, system=0.5, elapsed=4.0, memory_kB=1234)


def test_the_summary_counts_steps_and_sees_the_end(tmp_path):
    path = tmp_path / "OUTCAR"
    path.write_text(log())
    killed = read_outcar_summary(path)
    assert (killed.version, killed.build) == ("6.4.2", "nothing (test): NOT DFT")
    assert (killed.n_steps, killed.is_finished, killed.is_stopped) == (3, False, False)
    path.write_text(log() + TIMING)
    assert read_outcar_summary(path).is_finished
    path.write_text(log(1) + format_stopped(hard=False) + TIMING)
    stopped = read_outcar_summary(path)
    assert (stopped.n_steps, stopped.is_finished, stopped.is_stopped) == (1, True, True)


def test_the_pressure_is_the_mean_of_the_stress_and_the_ideal_gas_is_apart():
    step = steps(1)[0]
    text = format_step(step, description(), change=0.0)
    pressure = float(text.split("external pressure =")[1].split()[0])
    kinetic = float(text.split("kinetic pressure (ideal gas correction) =")[1].split()[0])
    assert pressure == pytest.approx(step.stress_kB.trace() / 3, abs=0.006)
    assert kinetic == pytest.approx(2 * 0.25 / (3 * step.volume) * 1602.176634, abs=0.006)


def test_the_closing_block_and_the_converged_line_are_the_ones_readers_look_for():
    assert "General timing and accounting informations for this job:" in TIMING
    assert "Elapsed time (sec):        4.000" in TIMING
    assert "reached required accuracy" in format_converged()
    assert "hard stop encountered!  aborting job" in format_stopped(hard=True)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "OUTCAR").write_text("hello\n")
    with pytest.raises(ValueError, match="not an OUTCAR"):
        read_outcar_summary(tmp_path / "OUTCAR")
    with pytest.raises(ValueError, match="cannot be read"):
        read_outcar_summary(tmp_path / "nowhere")
