"""Refit with own labels: measured on labels that were left out, offered where it gains, added once."""

import numpy as np
import pytest

from svp_core.classifier.resnet import load_classifier, predict_probs
from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.tasks import refit as task
from svp_core.tasks.job_kinds import find_kind
from svp_core.training import adapted_layer, simulated_layer
from svp_core.workspace import instrument_profiles, models
from svp_core.workspace.validations import answers_of, open_validation
from tests.helpers.drawn_library import draw_library
from tests.helpers.finished_jobs import KEYS
from tests.helpers.refit_fixture import validated_untrained
from tests.helpers.validated_instrument import SHA256, classified_instrument


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch, no_job_processes):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    monkeypatch.setattr(adapted_layer, "PULLS", (1e5, 30.0))
    monkeypatch.setattr(adapted_layer, "FOLDS", 4)


def test_a_gain_is_offered_and_the_model_names_as_measured(tmp_path):
    profile, sha256 = validated_untrained()
    request = task.refit_request(profile.id, sha256)
    list(task.refit(request, tmp_path))
    result = task.refit_result(tmp_path)
    assert result["n"] == 90
    assert result["difference"]["low"] > 0
    assert result["after"]["value"] > 0.8 > result["before"]["value"]
    assert sum(row["n"] for row in result["by_class"]) == 90
    name = task.adopt_refit(request, tmp_path, "My own")
    model = models.find_model(name)
    validation = open_validation(profile.id, request.validation)
    truth = {one.particle: one.answer for one in answers_of(validation.id)}
    probs = predict_probs(load_classifier(model), validation.tiles)
    correct = [KEYS[code] == truth[particle] for code, particle in zip(probs.argmax(1), validation.table["id"])]  # noqa: B905
    assert np.mean(correct) > 0.8
    records = instrument_profiles.find_profile(profile.id).validation
    (new,) = [record for sha, record in records.items() if sha != sha256]
    assert (new["weights"], new["refitted_from"]) == ("My own", "untrained")
    assert new["figures"]["accuracy"]["value"] == pytest.approx(result["after"]["value"], abs=1e-6)
    assert records[sha256]["figures"] == profile.validation_of(sha256)["figures"]
    with pytest.raises(LabError, match="already"):
        task.adopt_refit(request, tmp_path, "Again")


def test_labels_that_nothing_can_be_learnt_from_are_not_offered(tmp_path):
    rng = np.random.default_rng(3)
    profile, sha256 = validated_untrained(answers=lambda _: str(rng.choice(KEYS)))
    request = task.refit_request(profile.id, sha256)
    list(task.refit(request, tmp_path))
    result = task.refit_result(tmp_path)
    assert result["difference"]["low"] <= 0
    assert not result["is_offered"]
    with pytest.raises(LabError, match="not lie above zero"):
        task.adopt_refit(request, tmp_path, "My own")
    assert [model.name for model in models.list_models("classifier") if not model.shipped] == ["untrained"]


def test_too_few_labels_and_other_weights_are_refused(tmp_path):
    profile, sha256 = validated_untrained(answers=lambda label: label if label == "protein" else "other")
    request = task.refit_request(profile.id, sha256)
    with pytest.raises(LabError, match="at least two"):
        list(task.refit(request, tmp_path))
    with pytest.raises(LabError, match="did not finish"):
        task.refit_result(tmp_path)
    other, _ = classified_instrument()
    with pytest.raises(LabError, match="not validated"):
        task.refit_request(other.id, SHA256)


def test_changed_weights_are_refused(tmp_path):
    profile, sha256 = validated_untrained()
    request = task.refit_request(profile.id, sha256)
    path = models.find_model("untrained") / "model.safetensors"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(LabError, match="have changed"):
        list(task.refit(request, tmp_path))


def test_the_command_adds_the_model(capsys):
    profile, _ = validated_untrained()
    assert main(["refit", profile.id, "--name", "By command"]) == 0
    assert models.find_model("By command").is_dir()
    assert "Gain: +" in capsys.readouterr().out
    assert main(["refit", profile.id, "--name", "x", "--weights", "nothing"]) == 2
    assert main(["instrument", "list"]) == 0
    assert profile.id in capsys.readouterr().out


def test_the_job_opens_its_instrument():
    kind = find_kind("refit")
    request = task.RefitRequest("0123", SHA256, "abc", 60)
    assert kind.query("job", request.to_config()) == {"part": "Refit", "profile": "0123"}


CONDITIONS = {
    "um_per_px": 0.5,
    "magnification": "10x",
    "background": 0.67,
    "gradient_x": 0.0,
    "gradient_y": 0.0,
    "noise": 0.008,
    "n_crops": 200,
}


def test_simulated_instruments_are_a_start_only_where_asked_for_and_known(tmp_path, monkeypatch):
    profile, sha256 = validated_untrained()
    assert "simulated" not in task.refit_request(profile.id, sha256).to_config()
    request = task.refit_request(profile.id, sha256, simulated=True)
    with pytest.raises(LabError, match="no simulated instruments"):
        list(task.refit(request, tmp_path))
    instrument_profiles.update_profile(profile.id, conditions=CONDITIONS)
    monkeypatch.setattr(simulated_layer, "read_library", lambda magnification: draw_library(instruments=20))
    list(task.refit(request, tmp_path))
    with_start = task.refit_result(tmp_path)
    plain = tmp_path / "plain"
    plain.mkdir()
    list(task.refit(task.refit_request(profile.id, sha256), plain))
    without = task.refit_result(plain)
    assert with_start["before"] == without["before"]  # the present classifier, not the start
    assert with_start["probs"] != without["probs"]
