"""A training planned by minutes: as many steps and checks as fit."""

from types import SimpleNamespace

import pytest

from svp_core.errors import LabError
from svp_core.generator.training_loop import GeneratorTrainingPlan
from svp_core.training import checks, generator, time_budget
from svp_core.training.checkpoints import CheckpointFolder
from svp_core.training.generator import train_generator
from tests.helpers.tiny_training import SMALL, two_classes


def test_the_plan_fills_the_given_time():
    plan, number = time_budget.plan_for(GeneratorTrainingPlan(batch=32), 30, 0.5, images=64)
    check_s = time_budget.OVERHEAD_S + 64 * time_budget.CALLS * time_budget.SAMPLE_SHARE * 0.5 / 32
    assert plan.steps * 0.5 + (number + 3) * check_s == pytest.approx(1800, abs=1)
    assert number == time_budget.MAX_CHECKS
    shorter, _ = time_budget.plan_for(GeneratorTrainingPlan(batch=32), 30, 0.5, images=64, used_s=600)
    assert shorter.steps == pytest.approx(plan.steps - 1200, abs=2), "preparation is part of the time"
    little, fewer = time_budget.plan_for(GeneratorTrainingPlan(batch=32), 2, 0.5, images=200)
    assert fewer == time_budget.MIN_CHECKS
    assert little.steps >= time_budget.MIN_STEPS
    assert time_budget.with_fitting_warmup(little).warmup_steps == little.steps // 10


def test_the_time_per_step_is_measured_to_plan_minutes(tmp_path):
    steps = train_generator(two_classes(), tmp_path / "run", **{**SMALL, "minutes": 2})
    messages = []
    for progress in steps:
        messages.append(progress.message)
        if progress.total:
            break
    steps.close()
    assert "Measuring how fast this computer trains" in messages
    assert any(message.startswith("Preparing the checks") for message in messages)
    assert CheckpointFolder(tmp_path / "run").description()["plan"]["images"] > SMALL["plan"].images
    with pytest.raises(LabError, match="Minutes of training must be 2 to 10,080; got 0.5"):
        list(train_generator(two_classes(), tmp_path / "other", **{**SMALL, "minutes": 0.5}))


def test_minutes_include_what_comes_before_the_first_step(tmp_path, monkeypatch):
    step_s = 0.5

    def planned_steps(name, *, measuring_s=0.0, preparing_s=0.0):
        clock = [0.0]

        def measure(*_):
            clock[0] += measuring_s
            return step_s

        monkeypatch.setattr(generator, "time", SimpleNamespace(monotonic=lambda: clock[0]))
        monkeypatch.setattr(time_budget, "seconds_per_step", measure)
        monkeypatch.setattr(checks, "preparation_seconds", lambda *_: preparing_s)
        training = train_generator(two_classes(), tmp_path / name, **{**SMALL, "minutes": 10})
        next(progress for progress in training if progress.total)
        training.close()
        plan = CheckpointFolder(tmp_path / name).description()["plan"]
        return plan["images"] // plan["batch"]

    at_once = planned_steps("a")
    assert at_once - planned_steps("b", measuring_s=30.0) == 30 / step_s
    assert at_once - planned_steps("c", preparing_s=50.0) == 50 / step_s
