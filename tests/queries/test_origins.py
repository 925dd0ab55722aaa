"""Where frames come from: the temperature of the run that computed them."""

from dataclasses import replace

import pytest
from aiida import orm
from aiida.common import LinkType

from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.queries.origins import callers_of, frame_temperatures
from aiida_concerted.workflows.vasp.aimd import VaspAimdWorkChain
from aiida_concerted.workflows.vasp.segment import VaspSegmentWorkChain
from tests.workflows.ended import ended

pytestmark = pytest.mark.usefixtures("aiida_profile")


@pytest.fixture
def run_at(fast_localhost):
    """Return a function that makes the job of a run of molecular dynamics with the work chains above it."""

    def make(**temperatures):
        segment = orm.WorkChainNode()
        segment.set_process_type(VaspSegmentWorkChain.build_process_type())
        inputs = {name: orm.Float(value) for name, value in temperatures.items()}
        run = ended(VaspAimdWorkChain, called=[segment], **inputs)
        segment.store()
        job = orm.CalcJobNode(computer=fast_localhost)
        job.set_options({"resources": {"num_machines": 1}})
        job.base.links.add_incoming(segment, LinkType.CALL_CALC, "iteration_01")
        return job.store(), segment, run

    return make


def dataset_of(frames, origins):
    chosen = replace(frames.select(range(len(origins))), origins=tuple(origins))
    return LabelledFramesData(chosen, level_of_theory="test")


def test_a_frame_has_the_temperature_of_its_run(run_at, tiny_frames):
    cold, segment, run = run_at(temperature_K=300.0)
    hot, _, _ = run_at(temperature_K=900.0)
    heated, _, _ = run_at(temperature_K=300.0, final_temperature_K=900.0)
    assert callers_of([cold.uuid]) == {cold.uuid: [(segment.uuid, segment.pk), (run.uuid, run.pk)]}
    origins = [(hot.uuid, 3), (cold.uuid, 7), (cold.uuid, 8), (heated.uuid, 1), ("init/somewhere", 0)]
    assert frame_temperatures(dataset_of(tiny_frames, origins)) == [900.0, 300.0, 300.0, None, None]


def test_frames_without_origins_have_no_temperature(tiny_frames):
    assert frame_temperatures(LabelledFramesData(tiny_frames.select([0, 1]), level_of_theory="test")) == [None, None]
