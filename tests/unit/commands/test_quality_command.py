"""The quality command on folders of images, and the section that the benchmark writes into a model card."""

import json

import pytest

from benchmarks import generator_quality
from benchmarks._card_section import write_section
from svp_core import cli
from svp_core.images import encode_png
from svp_core.quality import METRICS
from svp_core.quality.report import ENOUGH_IMAGES
from svp_core.quality.text_table import as_table
from tests.helpers.drawn_discs import draw_discs


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiles")
    for seed, name in enumerate(("real", "synthetic", "training")):
        folder = root / name / "Fat droplets"
        folder.mkdir(parents=True)
        for k, tile in enumerate(draw_discs(55, seed=seed)):
            (folder / f"{k}.png").write_bytes(encode_png(tile))
    (root / "real" / "Fat droplets" / "broken.png").write_bytes(b"no picture")
    return root


def run_quality(folders, *more):
    arguments = [f"--{name}={folders / name}" for name in ("real", "synthetic", "training")]
    return cli.main(["quality", *arguments, *more])


def test_the_command_writes_a_report_and_prints_its_table(folders, tmp_path, capsys, short_two_sample_test):
    assert run_quality(folders, "--classifier=none", f"--out={tmp_path / 'report.json'}") == 0
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert list(report["classes"]) == ["fat_droplets"]
    assert report["classes"]["fat_droplets"]["n"] == 55
    output = capsys.readouterr()
    assert "broken.png" in output.err
    assert f"fewer than {ENOUGH_IMAGES}" in output.err
    assert all(line in output.out for line in as_table(report))
    names = [line.split(" | ")[0].removeprefix("| ").partition(",")[0] for line in as_table(report)[2:]]
    expected = [METRICS[key].name.partition(",")[0] for key in report["classes"]["fat_droplets"]["figures"]]
    assert names == expected


def test_folders_that_cannot_be_compared_are_refused(folders, tmp_path, capsys):
    assert run_quality(folders, f"--out={tmp_path / 'nowhere' / 'report.json'}") == 2
    assert "is not an existing folder" in capsys.readouterr().err
    (tmp_path / "few" / "oil").mkdir(parents=True)
    for k, tile in enumerate(draw_discs(3, seed=0)):
        (tmp_path / "few" / "oil" / f"{k}.png").write_bytes(encode_png(tile))
    assert run_quality(folders, f"--synthetic={tmp_path / 'few'}", f"--out={tmp_path / 'report.json'}") == 2
    assert "give the same class in both" in capsys.readouterr().err


@pytest.mark.parametrize("card", ["# A\n\nWords.\n", "# A\n\nWords.\n\n## Measured\n\nOld.\n"])
def test_the_section_in_a_card_is_replaced(tmp_path, card):
    path = tmp_path / "card.md"
    path.write_text(card, "utf-8")
    write_section(path, "## Quality", ["## Quality", "", "| first |", ""])
    write_section(path, "## Quality", ["## Quality", "", "| second |", "", "Must: all met.", ""])
    text = path.read_text("utf-8")
    assert text.startswith("# A\n\nWords.\n\n## Quality\n\n| second |\n\nMust: all met.\n")
    assert "first" not in text
    assert text.count("## Measured") == card.count("## Measured")
    assert ("Old." in text) == ("Old." in card)


def test_metrics_that_miss_their_target_are_listed():
    figures = {
        "kid": {"value": 0.1, "ratio": 2.5},
        "recall": {"value": 0.9, "ratio": 1},
        "ct_z": {"value": -3.5, "real": -0.5},
    }
    report = {"classes": {"protein": {"figures": figures}}}
    assert list(generator_quality.misses(report, 2)) == ["Copying, CT Z of protein -3.000 (at least -2)"]
    figures["ct_z"]["real"] = -2.5
    assert not list(generator_quality.misses(report, 2))
    first = next(iter(generator_quality.misses(report, 3)))
    assert first == "KID relative to its baseline of protein 2.50 (at most 2)"
