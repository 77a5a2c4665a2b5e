"""Verdict kept with a model: words follow the lower ends, the card says it, a red one is not exported unasked."""

import json

import pytest

from svp_core import cli
from svp_core.errors import LabError
from svp_core.generator import unet
from svp_core.generator_audit import model_verdict
from svp_core.generator_audit.verdict import NO_SIGN, OPEN, RED, WARNING, judge
from svp_core.model_files import save_model
from tests.helpers.tiny_generator import CONFIG


def audit(auc=(0.5, 0.45, 0.55), caught=None, *, reference="base", copies=False, n=400):
    membership = {"auc": list(auc), "auc_floor": [0.45, 0.55], "n_members": n, "n_held_out": n, "classes": {}}
    membership["caught"] = (
        [] if caught is None else [{"false_alarms": 0.01, "share": list(caught), "floor": [0.0, 0.02]}]
    )
    figures = {"copies": copies, "n": 40}
    return {
        "seed": 0, "sigmas": [0.2], "draws": 4, "classes": {}, "n_members": n, "n_held_out": n, "notes": [],
        "reference": reference, "refused": None, "copies": {"protein": figures}, "membership": membership,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("report", "level"),
    [
        (audit(), NO_SIGN),
        (audit(caught=(0.02, 0.0, 0.05)), NO_SIGN),
        (audit((0.6, 0.56, 0.64)), WARNING),
        (audit((0.6, 0.54, 0.64)), NO_SIGN),
        (audit(caught=(0.04, 0.021, 0.07)), WARNING),
        (audit(caught=(0.09, 0.051, 0.14)), RED),
        # Too few held-out tiles to count the caught: a clear AUC is red by itself.
        (audit((0.9, 0.8, 0.95), n=50), RED),
        (audit((0.9, 0.8, 0.95), caught=(0.04, 0.021, 0.07)), WARNING),
        (audit(copies=True), RED),
        (audit(reference=None), OPEN),
        (audit((0.6, 0.56, 0.64), reference=None), WARNING),
        ({**audit(), "membership": None, "refused": "Two instruments."}, OPEN),
    ],
)
def test_the_verdict_follows_from_the_lower_ends(report, level):
    verdict = judge(report)
    assert verdict.level == level
    text = " ".join((verdict.headline, *verdict.sentences)).casefold()
    assert "private" not in text
    assert " safe" not in text
    for each in (report["membership"] or {"caught": ()})["caught"]:
        assert "where 1 in 100 others may be taken" in text, each
    if report["refused"]:
        assert "two instruments." in text


@pytest.fixture
def model(tmp_path):
    network, config = unet.build_unet(CONFIG), unet.config_as_dict(CONFIG)
    save_model(tmp_path / "model", config=config, tensors=network.state_dict(), card="", history=[])
    return tmp_path / "model"


def with_verdict(report):
    verdict = judge(report)
    return {**report, "verdict": {"level": verdict.level, "headline": verdict.headline, "sentences": verdict.sentences}}


def test_the_latest_audit_is_kept_and_said(model):
    assert model_verdict.recorded_audit(model) is None
    assert model_verdict.audit_text(None) == model_verdict.NOT_AUDITED
    model_verdict.record_audit(model, with_verdict(audit((0.6, 0.56, 0.64))))
    kept = model_verdict.recorded_audit(model)
    assert kept["verdict"]["level"] == WARNING
    assert "0.60 (0.56 to 0.64" in model_verdict.audit_text(kept)
    config = json.loads((model / "config.json").read_text("utf-8"))
    (model / "audit.json").unlink()
    earlier = model_verdict.summary(with_verdict(audit()))
    (model / "config.json").write_text(json.dumps({**config, "audit": earlier}), "utf-8")
    assert model_verdict.recorded_audit(model)["verdict"]["level"] == NO_SIGN


def test_a_red_verdict_asks_before_export(model, tmp_path, capsys):
    model_verdict.record_audit(model, with_verdict(audit(copies=True)))
    with pytest.raises(LabError, match="It gives away training images"):
        model_verdict.check_export(model, confirmed=False)
    arguments = ["export-diffusers", str(model), "--out", str(tmp_path / "out")]
    assert cli.main(arguments) == 2
    assert "--despite-audit" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert cli.main([*arguments, "--despite-audit"]) == 0
    model_verdict.record_audit(model, with_verdict(audit((0.6, 0.56, 0.64))))
    model_verdict.check_export(model, confirmed=False)
