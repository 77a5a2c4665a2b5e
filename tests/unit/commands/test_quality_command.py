"""The command quality on folders of images, and where the benchmark puts its section in a card."""

import json

import pytest

from benchmarks import generator_quality
from svp_core import cli
from svp_core.images import encode_png
from svp_core.quality import METRICS
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


def ask(folders, *more):
    given = [f"--{name}={folders / name}" for name in ("real", "synthetic", "training")]
    return cli.main(["quality", *given, *more])


def test_the_command_writes_a_report_and_prints_its_table(folders, tmp_path, capsys, short_two_sample_test):
    assert ask(folders, "--classifier=none", f"--out={tmp_path / 'report.json'}") == 0
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert list(report["classes"]) == ["fat_droplets"]
    assert report["classes"]["fat_droplets"]["n"] == 55
    shown = capsys.readouterr()
    assert "broken.png" in shown.err
    assert "below 500 the intervals are wide" in shown.err
    assert all(line in shown.out for line in as_table(report))
    named = [line.split(" | ")[0].removeprefix("| ").partition(",")[0] for line in as_table(report)[2:]]
    wanted = [METRICS[key].name.partition(",")[0] for key in report["classes"]["fat_droplets"]["figures"]]
    assert named == wanted


def test_what_cannot_be_done_is_a_sentence(folders, tmp_path, capsys):
    assert ask(folders, f"--out={tmp_path / 'nowhere' / 'report.json'}") == 2
    assert "is not an existing folder" in capsys.readouterr().err
    (tmp_path / "few" / "oil").mkdir(parents=True)
    for k, tile in enumerate(draw_discs(3, seed=0)):
        (tmp_path / "few" / "oil" / f"{k}.png").write_bytes(encode_png(tile))
    assert ask(folders, f"--synthetic={tmp_path / 'few'}", f"--out={tmp_path / 'report.json'}") == 2
    assert "give the same class in both" in capsys.readouterr().err


@pytest.mark.parametrize("card", ["# A\n\nWords.\n", "# A\n\nWords.\n\n## Measured\n\nOld.\n"])
def test_the_section_is_put_into_a_card_once(tmp_path, card):
    path = tmp_path / "card.md"
    path.write_text(card, "utf-8")
    generator_quality.write(path, ["## Quality", "", "| first |", ""])
    generator_quality.write(path, ["## Quality", "", "| second |", "", "Must: all met.", ""])
    text = path.read_text("utf-8")
    assert text.startswith("# A\n\nWords.\n\n## Quality\n\n| second |\n\nMust: all met.\n")
    assert "first" not in text
    assert text.count("## Measured") == card.count("## Measured")
    assert ("Old." in text) == ("Old." in card)


def test_what_misses_its_target_is_named():
    figures = {
        "kid": {"value": 0.1, "ratio": 2.5},
        "recall": {"value": 0.9, "ratio": 1},
        "ct_z": {"value": -3.5, "real": -0.5},
    }
    report = {"classes": {"protein": {"figures": figures}}}
    assert list(generator_quality.misses(report, 2)) == ["Copying, CT Z of protein -3.000 (at least -2)"]
    figures["ct_z"]["real"] = -2.5
    assert not list(generator_quality.misses(report, 2))
    assert next(iter(generator_quality.misses(report, 3))) == "KID over its floor of protein 2.500 (at most 2)"
