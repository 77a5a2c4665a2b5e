"""The commands simulate and generate: tiles with their truth and their manifest."""

import numpy as np
import pytest
import torch
from PIL import Image

from svp_core.cli import main
from svp_core.model_files import save_model
from tests.helpers.csv_rows import read_rows


def test_simulated_particles_are_saved_with_their_truth(tmp_path):
    arguments = ["simulate", "--class", "air_bubble", "--count", "3", "--seed", "5", "--out", str(tmp_path)]
    assert main(arguments) == 0
    rows = read_rows(tmp_path / "air_bubble.csv")
    assert len(rows) == 3
    assert {row["kind"] for row in rows} == {"air_bubble"}
    pixels = [np.array(Image.open(tmp_path / row["image"])) for row in rows]
    assert all(p.shape == (64, 64) for p in pixels)
    assert not np.array_equal(pixels[0], pixels[1])
    assert [int(row["seed"]) for row in rows] == [5_000_000, 5_000_001, 5_000_002]
    assert float(rows[0]["diameter_um"]) > 1


def test_generated_tiles_come_with_a_manifest(tmp_path, monkeypatch):
    from svp_core.generator import unet

    torch.manual_seed(0)
    config = unet.GeneratorConfig(("silicone_oil",), pixel_mean=0.3, pixel_std=0.2, channels=(16, 32))
    tensors = unet.build_unet(config).state_dict()
    save_model(tmp_path / "run", config=unet.config_as_dict(config), tensors=tensors, card="", history=[])
    command = [
        "generate",
        "--class",
        "silicone_oil",
        "--count",
        "3",
        "--steps",
        "2",
        "--weights",
        str(tmp_path / "run"),
    ]
    assert main([*command, "--out", str(tmp_path / "a")]) == 0
    rows = read_rows(tmp_path / "a" / "manifest.csv")
    assert [row["position"] for row in rows] == ["0", "1", "2"]
    assert {row["kind"] for row in rows} == {"synthetic"}
    assert all((tmp_path / "a" / row["image"]).is_file() for row in rows)
    assert main([*command, "--out", str(tmp_path / "b")]) == 0
    assert (tmp_path / "a" / rows[2]["image"]).read_bytes() == (tmp_path / "b" / rows[2]["image"]).read_bytes()


def test_a_class_the_generator_cannot_make_is_refused(tmp_path, capsys):
    from svp_core.generator import unet

    config = unet.GeneratorConfig(("silicone_oil",), pixel_mean=0.3, pixel_std=0.2, channels=(16, 32))
    tensors = unet.build_unet(config).state_dict()
    save_model(tmp_path / "run", config=unet.config_as_dict(config), tensors=tensors, card="", history=[])
    assert main(["generate", "--class", "dust", "--weights", str(tmp_path / "run"), "--out", str(tmp_path / "o")]) == 2
    assert "silicone_oil; requested: dust" in capsys.readouterr().err


@pytest.mark.parametrize("um_per_px", ["1.6", "1.7", "2", "5", "40"])
def test_bubbles_are_simulated_at_coarse_pixels_too(tmp_path, um_per_px):
    arguments = ["simulate", "--class", "air_bubble", "--count", "30", "--seed", "882", "--um-per-px", um_per_px]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    rows = read_rows(tmp_path / "air_bubble.csv")
    assert len(rows) == 30
    sizes = [float(row["diameter_um"]) for row in rows if row["shape"] == "large"]
    assert sizes
    # As large as at finer pixels, and not all of one size.
    assert max(sizes) <= 96
    assert max(sizes) > 1.2 * min(sizes) or float(um_per_px) == 1.6
