"""A training planned by minutes: as many steps and checks as fit."""

import pytest

from svp_core.errors import LabError
from svp_core.generator.training_loop import GeneratorTrainingPlan
from svp_core.training import time_budget
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
