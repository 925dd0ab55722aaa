"""Failures as VASP leaves them, imitated by the surrogate, through the work chain that mends one run."""

from __future__ import annotations

import pytest
from aiida.engine import run_get_node

from aiida_concerted.formats.energy_settings import DECIDING
from aiida_concerted.surrogate.imitation import SAID
from aiida_concerted.workflows.vasp.base import VaspBaseWorkChain
from aiida_concerted.workflows.vasp.messages import CAREFUL_MIXING, find_cure

CHANGED = {
    "edddav": {"algo": "normal"}, "subspace": {"algo": "normal"}, "brmix": CAREFUL_MIXING, "zbrent": {},
    "memory": {}, "vanish": {},
}  # fmt: skip


@pytest.fixture
def run_failing(killed_code, rock_salt, overrides, tmp_path):
    """Return a function that runs a relaxation whose first start, or every one, fails in a way."""

    def make(kind, *, once=True):
        only = f" CONCERTED_SURROGATE_IMITATE_ONCE={tmp_path / 'once'}" if once else ""
        code = killed_code(step_s=0.0, prepend=f"export CONCERTED_SURROGATE_IMITATE={kind}{only}")
        builder = VaspBaseWorkChain.get_builder_from_protocol(
            code, rock_salt, protocol="fast", run_type="relax", overrides=overrides
        )
        _, node = run_get_node(builder)
        return node, [call.inputs.parameters.get_dict() for call in node.called]

    return make


@pytest.mark.parametrize("kind", list(CHANGED))
def test_a_failure_is_mended_and_nothing_that_decides_the_energy_is_changed(run_failing, kind):
    node, incars = run_failing(kind)
    assert node.is_finished_ok, node.exit_message
    first, second = incars
    assert {tag: value for tag, value in second.items() if first.get(tag) != value} == CHANGED[kind]
    assert not {tag.lower() for tag in DECIDING} & set(CHANGED[kind])


def test_a_failure_that_stays_is_given_up_with_its_words_when_all_is_tried(run_failing):
    node, incars = run_failing("edddav", once=False)
    assert [incar["algo"].lower() for incar in incars] == ["fast", "normal", "all"]
    assert "ZHEGV" in node.exit_message


@pytest.mark.parametrize("kind", list(SAID))
def test_every_message_that_the_surrogate_imitates_is_known(kind):
    cure = find_cure(SAID[kind], {"algo": "fast"})
    assert cure is not None
    assert cure.tags == CHANGED[kind]


@pytest.mark.parametrize(
    ("said", "incar"),
    [
        ("all went well", {}),
        (SAID["edddav"], {"algo": "All"}),
        (SAID["subspace"], {"algo": "damped"}),
        (SAID["brmix"], CAREFUL_MIXING),
    ],
)
def test_nothing_is_tried_where_nothing_is_left_or_known(said, incar):
    assert find_cure(said, incar) is None
