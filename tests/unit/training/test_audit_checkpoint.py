"""Every training ends with an audit of the checkpoint it offers: verdict in config and card, reference, time."""

import json

import pytest

from svp_core.generator import unet
from svp_core.generator_audit.model_verdict import NOT_AUDITED, recorded_audit
from svp_core.generator_audit.verdict import OPEN
from svp_core.model_files import save_model, weights_sha256
from svp_core.training import time_budget
from svp_core.training.audit_checkpoint import find_training_reference
from svp_core.training.generator import train_generator
from tests.helpers.tiny_generator import CONFIG
from tests.helpers.tiny_training import SMALL, two_classes


def test_the_offered_checkpoint_is_audited_and_its_card_says_so(tmp_path):
    messages = [progress.message for progress in train_generator(two_classes(), tmp_path / "run", **SMALL)]
    assert any(message.startswith("Audit: denoising with the generator") for message in messages)
    audit = recorded_audit(tmp_path / "run")
    assert audit["n_members"] == audit["n_held_out"] == 6
    assert set(audit["copies"]) == {"protein", "fat_droplet"}
    assert set(audit["membership"]["classes"]) == {"protein", "fat_droplet"}
    assert audit["verdict"]["level"] == OPEN  # these helpers audit without a reference
    card = (tmp_path / "run" / "card.md").read_text("utf-8")
    assert f"## Audit\n\n**{audit['verdict']['headline']}**" in card
    assert "6 training and 6 held-out tiles" in card


def test_a_training_without_audit_says_that_nothing_is_known(tmp_path):
    list(train_generator(two_classes(), tmp_path / "run", **SMALL, audited=0))
    assert json.loads((tmp_path / "run" / "config.json").read_text("utf-8"))["audit"] is None
    assert NOT_AUDITED in (tmp_path / "run" / "card.md").read_text("utf-8")


def test_the_reference_is_the_base_while_it_has_the_same_weights(tmp_path):
    base = tmp_path / "base"
    tensors = unet.build_unet(CONFIG).state_dict()
    save_model(base, config=unet.config_as_dict(CONFIG), tensors=tensors, card="", history=[])
    started_from = {"name": "base", "weights_sha256": weights_sha256(base)}
    description = {"asked": {"base": str(base)}, "from": started_from}
    assert find_training_reference(description)[0] == base
    changed = {**description, "from": {**started_from, "weights_sha256": "0" * 64}}
    for other in (changed, {"asked": {"base": str(tmp_path / "gone")}, "from": started_from}, {"from": None}):
        folder, name = find_training_reference(other)
        assert folder.name == "generator"
        assert "taken to have seen none" in name


def test_the_audit_takes_its_share_of_the_time():
    image_s = 0.035
    for minutes in (10, 60):
        tiles = time_budget.audited_tiles(minutes, image_s, most=200)
        assert time_budget.audit_seconds(tiles, image_s) <= time_budget.AUDIT_SHARE * 60 * minutes
    assert time_budget.audited_tiles(600, image_s, most=200) == 200
    assert time_budget.audited_tiles(1, image_s, most=200) == time_budget.MIN_AUDITED
    assert time_budget.audit_seconds(200, image_s) == pytest.approx(2 * 200 * 24 * 0.5 * image_s)
