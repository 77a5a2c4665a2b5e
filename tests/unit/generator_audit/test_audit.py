"""Audit of generators: an overfitted one is caught, a fresh one is not; two instruments are refused."""

import numpy as np
import pytest
import torch

from svp_core.audit import two_sample
from svp_core.audit.membership import membership_scores
from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.errors import LabError
from svp_core.generator import denoising_error
from svp_core.generator.denoising_error import denoising_errors, noise_levels
from svp_core.generator_audit.audit import audit_generator, audit_images
from svp_core.generator_audit.tiles import choose_tiles
from svp_core.generator_audit.verdict import NO_SIGN, OPEN, RED
from svp_core.progress import run_to_end
from svp_core.report.generator_audit import audit_html
from tests.helpers.audited_generators import FRESH, HELD_OUT, KEY, MEMBERS, train_controls
from tests.helpers.drawn_tiles import draw_blocks


def labelled(tiles, keys=(KEY,), labels=None):
    labels = np.zeros(len(tiles), int) if labels is None else np.asarray(labels)
    return LabelledTiles(tiles, labels, tuple(keys), tuple(f"{k}.png" for k in range(len(tiles))), ())


@pytest.fixture(scope="module")
def controls():
    with pytest.MonkeyPatch.context() as patch:
        yield train_controls(patch)


@pytest.fixture(autouse=True)
def short_two_sample_test(monkeypatch):
    monkeypatch.setattr(two_sample, "MIN_STEPS", 20)
    monkeypatch.setattr(two_sample, "PASSES", 0)


def audited(generator, members=MEMBERS, held_out=HELD_OUT, **options):
    tiles = choose_tiles(labelled(members), labelled(held_out))
    options = {"generated": {}, **options}
    return run_to_end(audit_generator(generator, tiles, **options))


def test_an_overfitted_generator_is_caught_and_a_fresh_one_is_not(controls):
    base, overfitted, fresh = controls
    result = audited(overfitted, reference=base, reference_name="base")
    caught = result.report["membership"]
    assert caught["auc"][0] >= 0.75
    assert caught["auc"][1] > caught["auc_floor"][1]
    assert result.report["verdict"]["level"] in ("warning", RED)
    assert len(result.exposed) == 10
    assert len(result.scores) == len(MEMBERS) + len(HELD_OUT)

    spared = audited(fresh, reference=base).report
    assert spared["membership"]["auc"][1] <= spared["membership"]["auc_floor"][1]
    assert spared["verdict"]["level"] == NO_SIGN
    # Its own training tiles are caught by the same attack.
    assert audited(fresh, members=FRESH, reference=base).report["membership"]["auc"][0] >= 0.75
    # Without a reference nothing is said to be absent.
    assert audited(fresh, reference=None).report["verdict"]["level"] == OPEN


def test_order_batch_and_threads_change_no_score(controls, monkeypatch):
    base, overfitted, _ = controls
    given = HELD_OUT[:14]
    sigmas, keys = noise_levels(given), [KEY] * len(given)

    def scores(tiles):
        pair = [run_to_end(denoising_errors(each, tiles, keys, sigmas=sigmas)) for each in (overfitted, base)]
        return membership_scores(*pair)

    expected, order = scores(given), np.random.default_rng(0).permutation(len(given))
    np.testing.assert_allclose(scores(given[order]), expected[order], atol=1e-4)
    monkeypatch.setattr(denoising_error, "TILES_PER_CALL", 7)
    np.testing.assert_allclose(scores(given), expected, atol=1e-4)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        np.testing.assert_allclose(scores(given), expected, atol=1e-4)
    finally:
        torch.set_num_threads(threads)


def test_tiles_of_two_instruments_are_refused_with_the_reason(controls):
    base, overfitted, _ = controls
    other_instrument = (HELD_OUT.astype(int) + 15).clip(0, 255).astype(np.uint8)
    report = audited(overfitted, held_out=other_instrument, reference=base).report
    assert report["membership"] is None
    assert "the grey level of the background is" in report["refused"]
    assert report["verdict"]["level"] == OPEN
    assert report["refused"] in report["verdict"]["sentences"]
    # A split that is known to be random is measured all the same: a difference between its parts is chance.
    known = audited(overfitted, held_out=other_instrument, reference=base, split_at_random=True).report
    assert known["membership"] is not None
    assert known["data_shift"]["reason"]


def test_planted_copies_are_a_red_verdict_without_weights():
    members, held_out = draw_blocks(80, seed=5), draw_blocks(60, seed=6)
    tiles = choose_tiles(labelled(members), labelled(held_out))
    clean = run_to_end(audit_images(tiles, {KEY: draw_blocks(40, seed=7)})).report
    assert clean["verdict"]["level"] == OPEN
    assert not clean["copies"][KEY]["copies"]
    copied = np.concatenate([members[:1], draw_blocks(39, seed=8)])
    report = run_to_end(audit_images(tiles, {KEY: copied})).report
    assert report["copies"][KEY]["identical"] == 1
    assert report["verdict"]["level"] == RED
    with pytest.raises(LabError, match="give the same class in both"):
        run_to_end(audit_images(tiles, {"air_bubble": copied}))


def test_the_report_shows_verdict_figures_and_members(controls):
    base, overfitted, _ = controls
    result = audited(overfitted, reference=base, reference_name="base <1>", generated={KEY: draw_blocks(20, seed=9)})
    page = audit_html({"generator": "x<y", "generated": {KEY: 20}, **result.report}, result.exposed, result.nearest)
    assert "x&lt;y" in page
    assert "base &lt;1&gt;" in page
    assert page.count("data:image/png") == 20
    assert result.report["told_apart"]["n"] == 20
    assert "tells generated from held-out tiles" in page
    low, high = result.report["membership"]["auc_floor"]
    assert f"{low:.2f} to {high:.2f}" in page


def test_tiles_that_cannot_be_compared_are_left_out_with_a_note():
    tiles = draw_blocks(60, seed=10)
    training = labelled(tiles[:30], ("protein", "air_bubble"), [0] * 20 + [1] * 10)
    held_out = labelled(
        np.concatenate([tiles[30:50], tiles[:3], tiles[50:51]]), ("protein", "air_bubble"), [0] * 23 + [1]
    )
    chosen = choose_tiles(training, held_out)
    assert chosen.class_keys == ["protein"]
    assert len(chosen.held_out) == 20
    assert any("Air bubble is left out: it has 10 training tiles and 1 held-out tile" in note for note in chosen.notes)
    assert any("3 held-out tiles left out" in note for note in chosen.notes)
    assert len(choose_tiles(training, held_out, most=10).members) == 10
    with pytest.raises(LabError, match="Nearly all held-out tiles show the same pictures"):
        choose_tiles(labelled(tiles[:30]), labelled(tiles[:30]))
    with pytest.raises(LabError, match="at least 2 training and 2 held-out tiles"):
        choose_tiles(labelled(tiles[:30]), labelled(tiles[30:31]))
    with pytest.raises(LabError, match="does not generate this class"):
        choose_tiles(labelled(tiles[:30]), labelled(tiles[30:40]), class_keys=["air_bubble"])
