import numpy as np
import pytest
from aiida import orm

from aiida_concerted.calculations.functions.merge_frames import merge_frames
from aiida_concerted.data.frames import LabelledFramesData
from tests.common.test_frames import make


def node(species, seed=0, level="PBE", **context):
    return LabelledFramesData(make(species, seed=seed), level_of_theory=level, **context)


@pytest.mark.usefixtures("aiida_profile")
class TestMergeFrames:
    def test_parts_follow_in_the_order_of_their_names_with_atoms_by_element(self):
        first, second = node(["S", "Li"], 0), node(["Li", "S"], 1)
        merged = merge_frames(a=first, b=second).get_frames()
        assert merged.species == ("Li", "S")
        np.testing.assert_array_equal(merged.forces[:3], first.get_frames().forces[:, ::-1])
        np.testing.assert_array_equal(merged.forces[3:], second.get_frames().forces)

    def test_a_frame_that_is_there_already_is_not_added_again(self):
        first = node(["S", "Li"], 0)
        again = LabelledFramesData(first.get_frames().select([1]), level_of_theory="PBE")
        merged = merge_frames(a=first, b=again, c=node(["Li", "S"], 1))
        assert len(merged) == 6
        assert merge_frames(a=first, b=again).get_frames().virials is not None

    def test_the_material_is_the_one_given_or_agreed_on(self):
        known = node(["Li"], material="LGPS", study_uuid="abc")
        assert merge_frames(a=known, b=node(["Li"], 1)).base.attributes.get("material") == "LGPS"
        given = merge_frames(parameters=orm.Dict({"material": "other"}), a=known)
        assert given.base.attributes.get("material") == "other"
        assert given.base.attributes.get("study_uuid") == "abc"
        mixed = merge_frames(a=known, b=node(["Li"], 1, material="argyrodite"))
        assert "material" not in mixed.base.attributes

    @pytest.mark.parametrize(
        ("other", "message"),
        [((["Li"], 1, "surrogate"), "different levels of theory"), ((["Na"], 1, "PBE"), "different composition")],
    )
    def test_what_does_not_belong_together_is_refused(self, other, message):
        _, process = merge_frames.run_get_node(a=node(["Li"]), b=node(*other))
        assert process.exit_status in (210, 211)
        assert message in process.exit_message

    def test_settings_are_checked_and_handed_on(self):
        stated = {"incar": {"ENCUT": 400.0}, "potentials": {"Li": {"titel": "PAW_PBE Li_sv 10Sep2004"}}}
        other = {**stated, "incar": {"ENCUT": 520.0}}
        first, unknown = node(["Li"], energy_settings=stated), node(["Li"], 1)
        assert merge_frames(a=first, b=unknown).energy_settings.as_dict() == stated
        _, process = merge_frames.run_get_node(a=first, b=node(["Li"], 1, energy_settings=other))
        assert process.exit_status == 210
        assert "'a' and 'b' do not belong together: ENCUT is 400 in one and 520" in process.exit_message
