"""Texture and SSIM equal scikit-image's, the bottleneck is one, what cannot be rebuilt is found, ROC is right."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from svp_core.errors import LabError
from svp_core.novelty.autoencoder import Autoencoder, AutoencoderConfig, reconstruction_loss, ssim
from svp_core.novelty.filter_file import load_filter, save_filter
from svp_core.novelty.reconstruction import ReconstructionPlan, train_filter
from svp_core.novelty.roc import roc_curve
from svp_core.novelty.texture_contrast import texture_weights, windowed_contrast
from svp_core.progress import run_to_end

REFERENCE = json.loads((Path(__file__).parents[2] / "fixtures" / "scikit_image_texture.json").read_text("utf-8"))
IMAGE = np.array(REFERENCE["image"], np.uint8)


def test_windowed_contrast_is_that_of_scikit_image():
    found = windowed_contrast(IMAGE)
    assert found.shape == (16, 12)
    np.testing.assert_allclose(found, REFERENCE["contrast"], atol=1e-6)


def test_windowed_contrast_is_that_of_the_matrix_itself():
    """Directions count: the image is not alike along rows and columns, nor along both diagonals."""
    window, levels = IMAGE[3:14, 2:13].astype(int) * 32 // 256, []
    for rows, columns in ((0, 1), (1, 1), (1, 0), (1, -1), (0, 2), (1, 1), (2, 0), (1, -1)):
        matrix = np.zeros((32, 32))
        for row in range(11 - rows):
            for column in range(max(0, -columns), 11 - max(0, columns)):
                pair = window[row, column], window[row + rows, column + columns]
                matrix[pair] += 1
                matrix[pair[::-1]] += 1
        first, second = np.indices(matrix.shape)
        levels.append(((first - second) ** 2 * matrix).sum() / matrix.sum())
    assert windowed_contrast(IMAGE[3:14, 2:13], 11)[0, 0] == pytest.approx(np.mean(levels), abs=1e-9)


def test_weights_are_largest_where_the_texture_is_and_one_on_average():
    tile = np.full((2, 64, 64), 170, np.uint8)
    tile[0, 20:30, 36:50] += np.random.default_rng(0).integers(0, 60, (10, 14)).astype(np.uint8)
    weights = texture_weights(tile)
    assert weights.mean((1, 2)) == pytest.approx([1.0, 1.0], abs=1e-4)
    assert np.unravel_index(weights[0].argmax(), (64, 64)) in [(y, x) for y in range(18, 32) for x in range(34, 52)]
    assert weights[0].max() / weights[0].min() == pytest.approx(1.5, abs=0.05)
    assert np.ptp(weights[1]) < 1e-5


def test_ssim_is_that_of_scikit_image():
    a, b = IMAGE[:20, :20] / 255, np.array(REFERENCE["ssim"]["b"])
    found = ssim(*(torch.tensor(image)[None, None] for image in (a, b)))
    assert found.item() == pytest.approx(REFERENCE["ssim"]["value"], abs=1e-6)


def test_the_loss_is_that_of_its_terms_and_weights_count():
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert reconstruction_loss(images, images).item() == pytest.approx(1e-3, rel=1e-3)
    rebuilt = images.clone()
    rebuilt[:, :, :, :32] += 0.3
    left = torch.full_like(images, 0.5)
    left[:, :, :, :32] = 1.5
    plain, weighted = reconstruction_loss(rebuilt, images), reconstruction_loss(rebuilt, images, left)
    assert weighted.item() - plain.item() == pytest.approx(0.5 * 0.15, rel=0.02)


def test_a_tile_passes_through_as_many_numbers_as_the_bottleneck_has():
    network = Autoencoder(AutoencoderConfig(latent=7, width=8))
    codes = network.encoder(torch.rand(3, 1, 64, 64))
    assert codes.shape == (3, 7)
    assert network.decoder(codes).shape == (3, 1, 64, 64)
    # A change of the tile that leaves the code alone leaves the reconstruction alone.
    jacobian = torch.autograd.functional.jacobian(
        lambda image: network(image)[0, 0, ::16, ::16].flatten(), torch.rand(1, 1, 64, 64)
    )
    assert isinstance(jacobian, torch.Tensor)
    assert torch.linalg.matrix_rank(jacobian.flatten(1), rtol=1e-3).item() <= 7


def discs(count, seed, *, crossed=False):
    """Tiles with a dark disc, or a cross of the same size, somewhere near the middle."""
    rng, (rows, columns) = np.random.default_rng(seed), np.mgrid[:64, :64]
    tiles = []
    for _ in range(count):
        y, x, radius = rng.uniform(28, 36), rng.uniform(28, 36), rng.uniform(5, 9)
        inside = np.hypot(rows - y, columns - x) < radius
        if crossed:
            inside = (abs(rows - y) < 2) | (abs(columns - x) < 2)
        tiles.append(170 - 70.0 * inside + rng.normal(0, 2, inside.shape))
    return np.clip(tiles, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "weighted"])
def trained(request):
    config, plan = AutoencoderConfig(latent=8, width=8, weighted=request.param), ReconstructionPlan(images=6400)
    named = np.arange(300) % 2
    steps = train_filter(discs(300, 0), named, config=config, plan=plan, device=torch.device("cpu"))
    return run_to_end(steps)


def test_what_it_was_not_trained_on_is_not_rebuilt_and_p_values_are_uniform(trained):
    assert len(trained.scores) == 100
    assert trained.history[-1]["loss"] < 0.6 * trained.history[0]["loss"]
    known, crosses = trained.score(discs(200, 1)), trained.score(discs(60, 2, crossed=True))
    named = np.arange(200) % 2
    values = trained.p_values(known, named)
    assert kstest(values, "uniform").pvalue > 1e-3
    assert values.min() >= 1 / (len(trained.scores) + 1)
    assert (trained.p_values(crosses, named[:60]) <= 0.05).mean() > 0.9
    tile = discs(1, 3, crossed=True)
    residual = trained.residuals(tile)[0]
    assert residual[:8].mean() > 2 * trained.residuals(discs(1, 4))[0][:8].mean()
    assert trained.rebuild(tile).dtype == np.uint8


def test_the_model_folder_gives_back_the_filter(trained, tmp_path):
    save_filter(tmp_path / "filter", trained, config={"note": "x"}, card="# x")
    again, tiles = load_filter(tmp_path / "filter"), discs(5, 6)
    np.testing.assert_allclose(again.score(tiles), trained.score(tiles), rtol=1e-5)
    np.testing.assert_array_equal(again.named, trained.named)
    assert again.config == trained.config
    (tmp_path / "filter" / "config.json").write_text('{"classifier": {}}')
    with pytest.raises(LabError, match="not a novelty_filter"):
        load_filter(tmp_path / "filter")


def test_roc_with_the_threshold_of_youden_and_the_conformal_one():
    known, strangers = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10]), np.array([4.5, 9.5, 11, 12])
    curve = roc_curve(known, strangers, [0.5] * 9 + [0.04], [0.3, 0.09, 0.05, 0.01])
    naive = [(known >= t).mean() for t in (11, 4.5)], [(strangers >= t).mean() for t in (11, 4.5)]
    best = max(((known >= t).mean(), (strangers >= t).mean()) for t in np.unique(np.r_[known, strangers]))
    youden = max(
        (((strangers >= t).mean() - (known >= t).mean()), (strangers >= t).mean(), (known >= t).mean())
        for t in np.r_[known, strangers]
    )
    assert naive[0][0] == 0.0
    assert best[1] == 1.0
    assert curve.youden.found - curve.youden.false_alarms == pytest.approx(youden[0])
    assert curve.auc == pytest.approx(np.mean([[s > k for k in known] for s in strangers]))
    assert (curve.conformal.found, curve.conformal.false_alarms) == (0.5, 0.1)
