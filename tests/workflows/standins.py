"""Small work chains that behave as told, importable so that the engine finds them."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, WorkChain, calcfunction, while_

from aiida_concerted.workflows.resumable import ResumableWorkChain
from aiida_concerted.workflows.waves import WavesWorkChain


@calcfunction
def refuse(x: orm.Int) -> ExitCode:
    """Refuse any number."""
    return ExitCode(211, f"no use for {x.value}")


class Fickle(WorkChain):
    """Fails when its number is negative; below minus one the physics says no."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("number", valid_type=orm.Int)
        spec.outline(cls.work)
        spec.exit_code(400, "ERROR_NEGATIVE", message="negative")
        spec.exit_code(510, "ERROR_PHYSICS", message="beyond physics")

    def work(self):
        if self.inputs.number.value < -1:
            return self.exit_codes.ERROR_PHYSICS
        return self.exit_codes.ERROR_NEGATIVE if self.inputs.number.value < 0 else None


class Repeating(ResumableWorkChain):
    """Runs its only step twice, as after an interruption before the checkpoint."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.outline(cls.submit_child, cls.submit_child, cls.check)

    def submit_child(self):
        builder = Fickle.get_builder()
        builder.number = orm.Int(1)
        self.to_context(child=self.run_child("only", builder))

    def check(self):
        assert self.ctx.child.is_finished_ok


class Refused(ResumableWorkChain):
    """Calls a calcfunction that refuses."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.outline(cls.work)

    def work(self):
        return self.function_failure() if self.call(refuse, "attempt", orm.Int(7)) is None else None


class Several(WavesWorkChain):
    """Runs children named by their numbers; those with a name that begins with n or p fail."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("names", valid_type=orm.List)
        spec.outline(cls.setup, while_(cls.has_pending)(cls.run_wave, cls.inspect_wave, cls.note), cls.finish)

    def setup(self):
        self.ctx.pending = self.inputs.names.get_list()
        self.ctx.sizes = []

    def prepare(self, name):
        builder = Fickle.get_builder()
        builder.number = orm.Int({"n": -1, "p": -2}.get(name[0], 1))
        return builder

    def note(self):
        self.ctx.sizes = [*self.ctx.sizes, len(self.ctx.wave)]

    def finish(self):
        self.node.base.extras.set("sizes", self.ctx.sizes)
        return self.children_failed()
