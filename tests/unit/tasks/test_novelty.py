"""novelty: its own normal set or the shipped one, the table, the verdict; no p-value where the images differ."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from svp_core.classification.results import read_results_folder
from svp_core.classification.strangers import is_unlike
from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.images import encode_png
from svp_core.novelty.filter_file import load_filter
from svp_core.optics import scenes
from svp_core.tasks.novelty import NoveltyRequest, novelty
from svp_core.tasks.novelty_table import COLUMNS
from svp_core.tasks.novelty_verdict import NO_P, STRANGERS, USUAL
from svp_core.tasks.taught_strangers import teach_strangers
from svp_core.tasks.unlike_details import nearest_known_tiles

SAMPLE = Path(__file__).parents[3] / "sample_data" / "tiles.npy"
NORMAL, CLEAN, STRANGE = 320, 60, 24


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A workspace, and folders of images: normal ones, others of the same kinds, these with strangers, dark ones."""
    root = tmp_path_factory.mktemp("lab")
    (root / "work").mkdir()
    tiles = np.random.default_rng(4).permutation(np.load(SAMPLE))
    clean = tiles[NORMAL : NORMAL + CLEAN]
    fibres = [scenes.simulate("fibre", scenes.particle_seed(77, k)).pixels for k in range(STRANGE)]
    sets = {
        "normal": tiles[:NORMAL],
        "clean": clean,
        "mixed": [*clean[:40], *fibres],
        "inverted": 255 - clean[:40],
    }
    for name, images in sets.items():
        (root / name).mkdir()
        for number, image in enumerate(images):
            (root / name / f"{number:03}.png").write_bytes(encode_png(np.asarray(image)))
    (root / "mixed" / "broken.png").write_bytes(b"not an image")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SVP_WORKSPACE", str(root / "work"))
        patch.delenv("SVP_DATABASE_URL", raising=False)
        yield root


def judged(lab, name, **settings):
    """(rows of novelty.csv, summary, folder) of a folder by the normal set."""
    folder = lab / f"job {name} {'-'.join(settings)}"
    folder.mkdir()
    for _ in novelty(NoveltyRequest(str(lab / name), str(lab / "normal"), **settings), folder):
        pass
    with (folder / "novelty.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return rows, json.loads((folder / "summary.json").read_text("utf-8")), folder


def test_a_named_normal_set_finds_strangers_and_shows_the_nearest_normal_ones(lab):
    rows, summary, folder = judged(lab, "mixed")
    assert summary["verdict"]["state"] == STRANGERS
    assert summary["normal"]["particles"] + summary["normal"]["left_out"] == NORMAL
    assert list(rows[0]) == list(COLUMNS)
    assert [row["image"] for row in rows] == sorted(row["image"] for row in rows)
    assert len(rows) == 40 + STRANGE + 1
    broken = next(row for row in rows if row["status"] == "rejected")
    assert broken["image"] == "broken.png"
    assert broken["reason"]
    assert broken["novelty_p"] == ""
    p_values = np.array([float(row["novelty_p"]) for row in rows if row["status"] == "ok"])
    unlike = np.array([row["unlike"] == "yes" for row in rows if row["status"] == "ok"])
    assert (unlike == (p_values <= 0.05)).all()
    assert unlike[40:].mean() > 0.4
    assert unlike[:40].mean() < 0.15
    names = {path.name for path in (lab / "normal").iterdir()}
    assert {row[f"nearest_{k}"] for row in rows if row["status"] == "ok" for k in (1, 2, 3)} <= names
    # The pictures beside a particle are those of the names.
    results = read_results_folder(folder)
    shown = nearest_known_tiles(results, np.array([0]))[0]
    tiles = dict(enumerate(np.random.default_rng(4).permutation(np.load(SAMPLE))[:NORMAL]))
    np.testing.assert_array_equal(shown[0].tile, tiles[int(rows[0]["nearest_1"][:3])])
    teach_strangers(results, range(40, 40 + STRANGE))
    assert is_unlike(read_results_folder(folder))[40:].all()


def test_nothing_is_said_of_a_sample_without_a_particle(lab):
    (lab / "texts").mkdir()
    (lab / "texts" / "a.png").write_text("no image")
    rows, summary, _ = judged(lab, "texts")
    assert summary["verdict"]["state"] == NO_P
    assert "No particle" in summary["verdict"]["sentences"][0]
    assert [row["status"] for row in rows] == ["rejected"]
    assert rows[0]["reason"]


def test_a_clean_sample_is_usual(lab):
    rows, summary, _ = judged(lab, "clean", clean=True)
    assert summary["verdict"]["state"] == USUAL
    assert summary["novelty"]["among"] >= 300
    assert sum(row["unlike"] == "yes" for row in rows) <= 9


@pytest.mark.parametrize(("name", "settings"), [("inverted", {}), ("mixed", {"clean": True})])
def test_no_p_value_is_given_where_the_sample_does_not_look_like_its_calibration(lab, name, settings):
    rows, summary, folder = judged(lab, name, **settings)
    assert summary["verdict"]["state"] == NO_P
    assert {row["novelty_p"] + row["unlike"] + row["listed"] + row["p_shape"] for row in rows} == {""}
    assert all(row["novelty_score"] for row in rows if row["status"] == "ok")
    assert read_results_folder(folder).table["novelty_p"].isna().all()


def test_the_command_writes_the_table_and_the_shipped_calibration_needs_no_normal_set(lab, capsys):
    assert main(["novelty", str(lab / "clean"), "--out", str(lab / "out.csv")]) == 0
    lines = (lab / "out.csv").read_text("utf-8").splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert len(lines) == CLEAN + 1
    assert "simulated particles per class" in capsys.readouterr().out


def test_an_autoencoder_of_normal_particles_shows_what_it_cannot_rebuild(lab, capsys):
    model, training = lab / "filter", ["--images", "640", "--weighted", "--strangers", str(lab / "inverted")]
    assert main(["train", "novelty", str(lab / "normal"), "--out", str(model), *training]) == 0
    assert "Youden" in capsys.readouterr().out
    config = json.loads((model / "config.json").read_text("utf-8"))
    assert config["novelty_filter"]["weighted"]
    assert config["trained_on"] + config["calibrated_on"] <= NORMAL
    assert config["roc"]["strangers"] == 40
    rows, summary, folder = judged(lab, "mixed", autoencoder=str(model))
    judged_rows = [row for row in rows if row["status"] == "ok"]
    trained, tiles = load_filter(model), np.load(folder / "tiles.npy")
    np.testing.assert_allclose([float(row["residual"]) for row in judged_rows], trained.score(tiles), atol=1e-3)
    assert all(0 < float(row["residual_p"]) <= 1 for row in judged_rows)
    rebuilt = np.load(folder / "rebuilt.npy")
    assert rebuilt.shape == tiles.shape
    assert np.abs(rebuilt.astype(float) - tiles).mean() < 40
    assert summary["autoencoder"] == "filter"
    assert main(["train", "novelty", str(lab / "clean"), "--out", str(lab / "none")]) == 2
    assert "at least 150" in capsys.readouterr().err


@pytest.mark.parametrize("normal", ["clean", "mixed/000.png", "nowhere"])
def test_a_normal_set_that_cannot_be_one_is_refused(lab, normal, capsys):
    assert main(["novelty", str(lab / "mixed"), "--normal", str(lab / normal), "--out", str(lab / "no.csv")]) == 2
    assert not (lab / "no.csv").exists()
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_stopped_search_starts_over_and_leaves_nothing_of_the_first_try(lab):
    fresh, again = lab / "fresh", lab / "again"
    for folder in (fresh, again):
        folder.mkdir()
    stopped = novelty(NoveltyRequest(str(lab / "clean"), str(lab / "normal")), again)
    for progress in stopped:
        if progress.message.startswith("Nearest"):
            break
    stopped.close()
    assert (again / "normal.json").is_file()
    for folder in (fresh, again):
        list(novelty(NoveltyRequest(str(lab / "clean")), folder))
    assert {path.name for path in again.iterdir()} == {path.name for path in fresh.iterdir()}
    assert (again / "novelty.csv").read_bytes() == (fresh / "novelty.csv").read_bytes()
    assert "normal" not in json.loads((again / "summary.json").read_text("utf-8"))


def test_a_sample_is_not_its_own_normal_set(lab):
    with pytest.raises(LabError, match="both"):
        NoveltyRequest(str(lab / "clean"), str(lab / "clean")).check()
