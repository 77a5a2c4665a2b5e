"""The task: from a labelled folder to table and report; resumed after a kill it gives the same table."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from svp_core import cli
from svp_core.errors import LabError
from svp_core.experiment import units
from svp_core.experiment.outcome import assemble, complete_arms, read_outcome
from svp_core.experiment.units import units_of
from svp_core.images import encode_png
from svp_core.progress import Progress, run_to_end
from svp_core.tasks.experiment import ExperimentRequest, experiment
from svp_core.tasks.experiment_source import parse_simulated, read_real_particles, runs_of_names
from svp_core.workspace.paths import repo_root
from tests.helpers.drawn_labels import draw_shapes, embed_blocks

FOLDERS = ("Protein", "Silicone oil", "Air bubbles")
DESIGN = {"arms": ["real", "weights", "classical:20"], "networks": ["forest"], "seeds": 3, "trees": 10}


def write_folder(folder, counts=(40, 15, 15), *, seed=0):
    """Labelled images, one sub-folder per class."""
    tiles, labels = draw_shapes(counts, seed=seed)
    for row, (tile, label) in enumerate(zip(tiles, labels, strict=True)):
        path = folder / FOLDERS[label] / f"{row:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(tile))
    return folder


@pytest.fixture
def quick_features(monkeypatch):
    """Features of 8 x 8 px means instead of the classifier's."""

    def embed(tiles):
        yield Progress(len(tiles), len(tiles))
        return embed_blocks(tiles) if len(tiles) else np.zeros((0, 65), np.float32)

    monkeypatch.setattr(units, "embed", embed)


def run(request, folder, **options):
    return list(experiment(request, folder, processes=1, **options))


def test_from_a_folder_to_table_verdict_and_report(tmp_path, quick_features):
    request = ExperimentRequest("folder", str(write_folder(tmp_path / "Ours")), "Ours", DESIGN)
    events = run(request, tmp_path / "out")
    assert events[-1].step == events[-1].total == 3 + 9
    counted = [(event.step, event.total) for event in events if event.total]
    assert {total for _, total in counted} == {12}  # reading and features are not counted among the units
    assert counted == sorted(counted)
    outcome = read_outcome(tmp_path / "out")
    assert outcome.counts == {"protein": 40, "silicone_oil": 15, "air_bubble": 15}
    assert outcome.design.minority == ("silicone_oil", "air_bubble")
    assert {one.arm for one in outcome.figures} == {"real", "weights", "classical:20"}
    assert outcome.amounts[2]["added"] == {"protein": 0, "silicone_oil": 20, "air_bubble": 20}
    assert outcome.sentences == assemble(tmp_path / "out").sentences
    report = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert outcome.sentences[0] in report
    assert json.loads((tmp_path / "out" / "design.json").read_text())["data_sha256"] in report
    assert report.count("<img ") >= 16  # eight added tiles of each minority class
    assert len((tmp_path / "out" / "table.csv").read_text().splitlines()) == 1 + len(outcome.figures)


def test_an_interrupted_experiment_goes_on_and_gives_the_same_table(tmp_path, quick_features):
    request = ExperimentRequest("folder", str(write_folder(tmp_path / "Ours")), "Ours", DESIGN)
    run(request, tmp_path / "whole")
    steps, folder = experiment(request, tmp_path / "stopped", processes=1), tmp_path / "stopped"
    for progress in steps:
        if progress.total == 12 and progress.step >= 6:
            break
    steps.close()
    done = {path: path.stat().st_mtime_ns for path in folder.glob("*/*.npz")}
    assert 6 <= len(done) <= 7
    assert complete_arms(folder) == 0  # every arm has seeds to come
    # As after kill -9 in the middle of writing: a part of a file lies about.
    (folder / "cells" / ".1234.part.npz").write_bytes(b"PK")
    run(request, folder)
    assert all(path.stat().st_mtime_ns == time for path, time in done.items())
    assert complete_arms(folder) == 3
    for name in ("table.csv", "outcome.json", "report.html"):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_refused_arm_is_named_and_the_others_go_on(tmp_path, quick_features, monkeypatch):
    def refuse(*args, **rest):
        raise LabError("The simulator makes none of these.")

    monkeypatch.setattr(units.additions, "augmented", refuse)
    request = ExperimentRequest("folder", str(write_folder(tmp_path / "Ours")), "Ours", DESIGN)
    run(request, tmp_path / "out")
    outcome = read_outcome(tmp_path / "out")
    sentence = "The arm 'classical augmentation, 20' is refused: The simulator makes none of these."
    assert outcome.refused == {"classical augmentation, 20": sentence}
    assert outcome.sentences[-1] == sentence
    assert {one.arm for one in outcome.figures} == {"real", "weights"}
    assert sentence.replace("'", "&#39;") in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_an_arm_without_a_tile_of_some_class_is_refused(tmp_path, quick_features):
    request = ExperimentRequest(
        "folder", str(write_folder(tmp_path / "Ours")), "Ours", {**DESIGN, "arms": ["real", "weights", "real@0"]}
    )
    run(request, tmp_path / "out")
    outcome = read_outcome(tmp_path / "out")
    (sentence,) = outcome.refused.values()
    assert sentence == (
        "The arm 'real only, none real' is refused: it has no tile of silicone_oil, air_bubble to train on."
    )
    assert {one.arm for one in outcome.figures} == {"real", "weights"}


def test_no_source_is_a_sentence(tmp_path):
    with pytest.raises(LabError, match="No particles were given"):
        run(ExperimentRequest("folder", " ", "Ours", DESIGN), tmp_path / "out")
    assert cli.main(["experiment", "", "--out", str(tmp_path / "out")]) == 2


def test_another_experiment_is_not_mixed_in(tmp_path, quick_features):
    source = str(write_folder(tmp_path / "Ours"))
    run(ExperimentRequest("folder", source, "Ours", DESIGN), tmp_path / "out")
    with pytest.raises(LabError, match="another experiment"):
        run(ExperimentRequest("folder", source, "Ours", {**DESIGN, "seeds": 4}), tmp_path / "out")


@pytest.mark.parametrize(
    ("counts", "sentence"), [((40,), "All particles are of one class"), ((40, 3, 15), "silicone_oil 3; give at least")]
)
def test_too_few_particles_are_a_sentence(tmp_path, counts, sentence):
    request = ExperimentRequest("folder", str(write_folder(tmp_path / "Ours", counts)), "Ours", DESIGN)
    with pytest.raises(LabError, match=sentence):
        run(request, tmp_path / "out")


def test_killed_in_the_middle_of_two_processes_it_goes_on_to_the_same_table(tmp_path, monkeypatch):
    """kill -9 of the command, with the real features; finished cells stay, the rest is done by one process."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    source, killed, whole = write_folder(tmp_path / "Ours", (30, 12, 12)), tmp_path / "killed", tmp_path / "whole"
    design = ["--preset", "feature-forest", "--no-feature-map", "--arm", "real", "--arm", "weights"]
    design += ["--network", "logistic", "--seeds", "5"]

    def arguments(out, processes):
        return ["experiment", str(source), "--out", str(out), *design, "--processes", str(processes)]

    command = [sys.executable, "-m", "svp_core", *arguments(killed, 2)]
    with subprocess.Popen(command, cwd=repo_root(), stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 120
        while len(list(killed.glob("cells/*.npz"))) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        process.kill()
    done = {path: path.stat().st_mtime_ns for path in killed.glob("cells/[!.]*.npz")}
    assert 2 <= len(done) < 10
    assert not (killed / "table.csv").exists()
    assert cli.main(arguments(killed, 1)) == 0
    kept = [path for path, written in done.items() if path.stat().st_mtime_ns == written]
    assert len(kept) >= len(done) - 2  # a process may still finish its cell after its parent was killed
    assert cli.main(arguments(whole, 1)) == 0
    assert (killed / "table.csv").read_bytes() == (whole / "table.csv").read_bytes()


def test_a_resnet_cell_trains_the_same_steps_for_every_arm(tmp_path, quick_features):
    design = {**DESIGN, "networks": ["resnet18"], "steps": 2, "batch": 8, "arms": ["real", "oversampling", "weights"]}
    request = ExperimentRequest("folder", str(write_folder(tmp_path / "Ours", (20, 10, 10))), "Ours", design)
    run(request, tmp_path / "out")
    outcome = read_outcome(tmp_path / "out")
    assert {one.arm for one in outcome.figures} == {"real", "oversampling", "weights"}
    assert not (tmp_path / "out" / "features.npy").exists()


def test_simulated_particles_have_runs_and_sizes():
    real = run_to_end(read_real_particles("simulator", "protein=8,air_bubble=7")).real
    assert real.counts() == {"protein": 8, "air_bubble": 7}
    assert len(set(real.groups)) == 8
    assert np.nanmin(real.sizes) > 1
    for text in ("protein", "", "protein=0", "protein=99999999999", "protein=5,protein=6"):
        with pytest.raises(LabError, match="not a number of simulated particles"):
            parse_simulated(text)
    with pytest.raises(LabError, match="'ghost' cannot be simulated"):
        next(read_real_particles("simulator", "ghost=5"))


def test_runs_are_the_folders_beside_the_class():
    names = ["Oil/a/1.png", "Oil/a/2.png", "b/Oil/3.png", "b/Oil/4.png"]
    assert runs_of_names(names, ["silicone_oil"] * 4) == ("a", "a", "b", "b")
    assert runs_of_names(["Oil/1.png", "Oil/2.png"], ["silicone_oil"] * 2) is None
    assert runs_of_names([f"Oil/{k}/x.png" for k in range(4)], ["silicone_oil"] * 4) is None


def test_commands(tmp_path, monkeypatch, capsys, quick_features):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    source = write_folder(tmp_path / "Ours", (30, 12, 12))
    out = tmp_path / "out"
    options = [
        "--preset",
        "feature-forest",
        "--arm",
        "real",
        "--arm",
        "weights",
        "--network",
        "logistic",
        "--seeds",
        "3",
        "--no-feature-map",
    ]
    assert cli.main(["experiment", str(source), "--out", str(out), *options, "--prevalence", "protein=1000"]) == 0
    assert f"Report: {out / 'report.html'}" in capsys.readouterr().out
    assert read_outcome(out).prevalence == {"protein": 1000, "silicone_oil": 0, "air_bubble": 0}
    assert cli.main(["experiment", str(source), "--out", str(tmp_path / "x"), "--arm", "real"]) == 2
    assert "2 to 40 different arms" in capsys.readouterr().err
    assert cli.main(["features", str(source), "--out", str(tmp_path / "f.txt")]) == 2


def test_feature_table(tmp_path, monkeypatch):
    import pandas as pd

    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    source = write_folder(tmp_path / "Ours", (12, 10, 10))
    for name, read in (("f.parquet", pd.read_parquet), ("f.csv", pd.read_csv)):
        options = ["features", str(source), "--out", str(tmp_path / name), "--fold-seed", "0"]
        assert cli.main(options) == 0
        table = read(tmp_path / name)
        assert len(table) == 32
        assert list(table.columns[:3]) == ["image", "class", "fold"]
        assert {"ecd_px", "aspect_ratio", "f0000", "f0511"} <= set(table.columns)
        assert set(table["fold"]) == {"training", "validation", "test"}


def test_units_are_pools_then_cells():
    from svp_core.experiment.stored import design_from_config

    assert [unit.is_pool for unit in units_of(design_from_config(DESIGN))] == [True] * 3 + [False] * 9
