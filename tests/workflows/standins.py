"""Small work chains that behave as told, importable so that the engine finds them."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, WorkChain, calcfunction, while_

from aiida_concerted.workflows.restarting import RestartingWorkChain
from aiida_concerted.workflows.resumable import ResumableWorkChain
from aiida_concerted.workflows.waves import WavesWorkChain


@calcfunction
def refuse(x: orm.Int) -> ExitCode:
    """Refuse any number."""
    return ExitCode(211, f"no use for {x.value}")


@calcfunction
def double(x: orm.Int) -> orm.Int:
    """Return twice a number."""
    return orm.Int(2 * x.value)


@calcfunction
def split(x: orm.Int) -> dict:
    """Return a number in two parts."""
    return {"half": orm.Int(x.value // 2), "rest": orm.Int(x.value - x.value // 2)}


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


class Interrupted(ResumableWorkChain):
    """Finds a child that was made and whose first checkpoint was never written."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.outline(cls.make_child, cls.submit_child, cls.check)

    def make_child(self):
        child = self.runner.instantiate_process(Fickle, number=orm.Int(1), metadata={"call_link_label": "only"})
        child.node.delete_checkpoint()

    def submit_child(self):
        builder = Fickle.get_builder()
        builder.number = orm.Int(1)
        self.to_context(child=self.run_child("only", builder))

    def check(self):
        return None if self.ctx.child.is_finished_ok else ExitCode(400, "the child did not finish")


class RestartingTwice(RestartingWorkChain):
    """Runs the step that submits twice from the same context, as after an interruption before the checkpoint."""

    _process_class = Fickle

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.expose_inputs(Fickle, namespace="child")
        spec.outline(cls.setup, while_(cls.should_run_process)(cls.run_twice, cls.inspect_process))

    def setup(self):
        super().setup()
        self.ctx.inputs = self.exposed_inputs(Fickle, "child")

    def run_twice(self):
        before = self.ctx.iteration
        self.run_process()
        self.ctx.iteration = before
        return self.run_process()


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


class Trying(ResumableWorkChain):
    """Tries a child until it succeeds, twice at most."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("number", valid_type=orm.Int, serializer=orm.to_aiida_type)
        spec.outline(while_(cls.should_try)(cls.try_it), cls.finish)

    def should_try(self):
        return "child" not in self.ctx or not (self.ctx.child.is_finished_ok or self.n_tries("only") >= 2)

    def try_it(self):
        builder = Fickle.get_builder()
        builder.number = self.inputs.number
        self.to_context(child=self.try_child("only", builder))

    def finish(self):
        self.node.base.extras.set("child", self.ctx.child.pk)


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


class Step(ResumableWorkChain):
    """Doubles a number, splits it, and runs a child that can fail."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("number", valid_type=orm.Int, serializer=orm.to_aiida_type)
        spec.input("note", valid_type=orm.Str, serializer=orm.to_aiida_type, default=lambda: orm.Str("none"))
        spec.input("max_concurrent", valid_type=orm.Int, serializer=orm.to_aiida_type, default=lambda: orm.Int(4))
        spec.input("fails", valid_type=orm.Bool, serializer=orm.to_aiida_type, default=lambda: orm.Bool(False))
        spec.outline(cls.work, cls.finish)
        spec.output("number", valid_type=orm.Int)
        spec.exit_code(400, "ERROR_TOLD_TO", message="told to fail")

    def work(self):
        self.ctx.doubled = self.call(double, "double", self.inputs.number)
        parts = self.call(split, "split", x=self.ctx.doubled)
        builder = Fickle.get_builder()
        builder.number = parts["rest"]
        self.to_context(child=self.run_child("only", builder))

    def finish(self):
        if self.inputs.fails:
            return self.exit_codes.ERROR_TOLD_TO
        self.out("number", self.ctx.doubled)
        return None


class Steps(ResumableWorkChain):
    """Runs one step after another, each on the result of the one before, as a learning loop runs its turns."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.expose_inputs(Step, namespace="step", exclude=("number",))
        spec.input("n", valid_type=orm.Int, serializer=orm.to_aiida_type)
        spec.input("dies_after", valid_type=orm.Int, serializer=orm.to_aiida_type, default=lambda: orm.Int(-1))
        spec.outline(cls.setup, while_(cls.goes_on)(cls.run_step, cls.inspect_step), cls.finish)
        spec.output("number", valid_type=orm.Int)
        spec.output("study", valid_type=orm.Str)
        spec.exit_code(401, "ERROR_STEP", message="a step failed")

    def setup(self):
        self.ctx.number, self.ctx.done = orm.Int(1).store(), 0

    def goes_on(self):
        return self.ctx.done < self.inputs.n.value

    def run_step(self):
        builder = Step.get_builder()
        builder._update(self.exposed_inputs(Step, "step"))
        builder.number = self.ctx.number
        self.to_context(step=self.run_child(f"step_{self.ctx.done + 1}", builder))

    def inspect_step(self):
        if not self.ctx.step.is_finished_ok:
            return self.exit_codes.ERROR_STEP
        self.ctx.number = self.ctx.step.outputs.number
        self.ctx.done += 1
        if self.ctx.done == self.inputs.dies_after.value:
            raise RuntimeError("the machine went down")
        return None

    def finish(self):
        self.out("number", self.ctx.number)
        self.out("study", orm.Str(self.origin_uuid).store())
