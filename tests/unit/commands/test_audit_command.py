"""The audit command on folders: a model, a published checkpoint, images alone, and what cannot be audited."""

import csv
import json

import pytest

from svp_core import cli
from svp_core.audit import two_sample
from svp_core.generator import published, unet
from svp_core.images import encode_png
from svp_core.model_files import save_model
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.tiny_generator import CONFIG


def write_images(folder, count, *, seed):
    folder.mkdir(parents=True)
    for k, tile in enumerate(draw_blocks(count, seed=seed)):
        (folder / f"{k}.png").write_bytes(encode_png(tile))


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr(two_sample, "MIN_STEPS", 3)
    monkeypatch.setattr(two_sample, "PASSES", 0)
    for seed, name in enumerate(("training", "held_out", "images")):
        write_images(tmp_path / name / "silicone_oil", 8, seed=seed)
    for name in ("model", "other"):
        network = unet.build_unet(CONFIG)
        config = unet.config_as_dict(CONFIG)
        save_model(tmp_path / name, config=config, tensors=network.state_dict(), card="", history=[])
    return tmp_path


def run_audit(folders, generator, *more):
    given = [f"--{name.replace('_', '-')}={folders / name}" for name in ("training", "held_out")]
    return cli.main(["audit", str(folders / generator), *given, f"--out={folders / 'out'}", *more])


def test_a_model_is_audited_with_its_reference(folders, capsys):
    assert run_audit(folders, "model", f"--reference={folders / 'other'}", "--images=6") == 0
    output = capsys.readouterr()
    report = json.loads((folders / "out" / "report.json").read_text("utf-8"))
    assert report["classes"] == {"silicone_oil": {"n_members": 8, "n_held_out": 8}}
    assert report["reference"] == "other"
    assert 0 <= report["membership"]["auc"][0] <= 1
    assert report["verdict"]["headline"] in output.out
    with (folders / "out" / "scores.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 16
    assert "Audit of model" in (folders / "out" / "report.html").read_text("utf-8")


def test_a_published_checkpoint_is_audited(folders):
    config = published.PublishedConfig(("silicone_oil",), dim=8, steps=20)
    network = published.build_published(dim=8)
    save_model(
        folders / "paper", config=published.config_as_dict(config), tensors=network.state_dict(), card="", history=[]
    )
    assert run_audit(folders, "paper", f"--reference={folders / 'model'}", "--images=1") == 0
    report = json.loads((folders / "out" / "report.json").read_text("utf-8"))
    assert report["reference"] == "model"
    assert 0 <= report["membership"]["auc"][0] <= 1


def test_images_alone_show_copies_but_no_membership(folders, capsys):
    assert run_audit(folders, "images") == 0
    report = json.loads((folders / "out" / "report.json").read_text("utf-8"))
    assert report["membership"] is None
    assert report["copies"]["silicone_oil"]["n"] == 8
    assert "Only images were given" in capsys.readouterr().out


def test_what_cannot_be_audited_is_a_sentence(folders, capsys):
    assert cli.main(["audit", str(folders / "model"), f"--out={folders / 'out'}"]) == 2
    assert "It is not recorded which images model was trained on" in capsys.readouterr().err
    assert cli.main(["audit", str(folders / "model"), "--training=x", f"--out={folders / 'out'}"]) == 2
    assert "give both, or none" in capsys.readouterr().err
    assert run_audit(folders, "model", f"--reference={folders / 'model'}") == 2
    assert "is the audited model itself" in capsys.readouterr().err
    assert run_audit(folders, "nothing") == 2
    assert "There is no model called" in capsys.readouterr().err
    for generator, said in (("", "The name of the generator is empty"), ("x" * 3000, "There is no model called")):
        assert cli.main(["audit", generator, "--training=a", "--held-out=b", f"--out={folders / 'out'}"]) == 2
        assert said in capsys.readouterr().err
    assert cli.main(["audit", str(folders / "model"), "--training=", "--held-out=b", f"--out={folders / 'out'}"]) == 2
    assert "The name of the folder of training images is empty" in capsys.readouterr().err
