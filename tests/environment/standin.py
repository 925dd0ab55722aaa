"""A small study of sleeping jobs, for the tests of everything that surrounds a real one."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ToContext, WorkChain, calcfunction
from aiida.plugins import CalculationFactory


@calcfunction
def double(number):
    return orm.Int(number.value * 2)


class SleepWorkChain(WorkChain):
    """Runs sleeping additions side by side, then adds their sums up."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.input("code", valid_type=orm.AbstractCode)
        spec.input("n_jobs", valid_type=orm.Int)
        spec.input("sleep_s", valid_type=orm.Int)
        spec.outline(cls.run_jobs, cls.results)
        spec.output("total", valid_type=orm.Int)
        spec.exit_code(400, "ERROR_JOB_FAILED", message="A job failed.")

    def run_jobs(self):
        for index in range(self.inputs.n_jobs.value):
            builder = CalculationFactory("core.arithmetic.add").get_builder()
            builder.code = self.inputs.code
            builder.x, builder.y = orm.Int(index), orm.Int(1)
            builder.metadata.options.sleep = self.inputs.sleep_s.value
            builder.metadata.call_link_label = f"add_{index}"
            self.to_context(**{f"job_{index}": self.submit(builder)})

    def results(self):
        jobs = [self.ctx[f"job_{index}"] for index in range(self.inputs.n_jobs.value)]
        if not all(job.is_finished_ok for job in jobs):
            return self.exit_codes.ERROR_JOB_FAILED
        self.out("total", double(orm.Int(sum(job.outputs.sum.value for job in jobs)).store()))
        return None


class SleepStudy(WorkChain):
    """Calls the chain above twice, one after the other; ends with an exit code if asked to."""

    @classmethod
    def define(cls, spec):
        super().define(spec)
        spec.expose_inputs(SleepWorkChain)
        spec.input("fail", valid_type=orm.Bool, default=lambda: orm.Bool(False))
        spec.outline(cls.run_first, cls.run_second, cls.results)
        spec.output("total", valid_type=orm.Int)
        spec.exit_code(401, "ERROR_STEP", message="The second step failed.")

    def submit_step(self, label):
        inputs = self.exposed_inputs(SleepWorkChain)
        inputs["metadata"] = {"call_link_label": label}
        return self.submit(SleepWorkChain, **inputs)

    def run_first(self):
        return ToContext(first=self.submit_step("first_step"))

    def run_second(self):
        return ToContext(second=self.submit_step("second_step"))

    def results(self):
        if self.inputs.fail.value:
            return self.exit_codes.ERROR_STEP
        self.out("total", self.ctx.second.outputs.total)
        return None
