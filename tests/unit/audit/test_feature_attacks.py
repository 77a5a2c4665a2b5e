"""Attacks by features and pairs: planted differences are found, chance is not, F1 stands beside the constant answer."""

import numpy as np
import pytest

from svp_core.audit import relation_network
from svp_core.audit.data_shift import equal_class_mix
from svp_core.audit.feature_attacks import attack_result, svm_attack, ward_purity
from svp_core.audit.relation_network import relation_attack
from svp_core.errors import LabError
from svp_core.progress import run_to_end
from tests.helpers.drawn_discs import draw_discs


def features(count, *, seed, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, (count, 6)) * [1, 1, 1, 1, 1, 1000]


def test_support_vectors_find_a_planted_difference_and_nothing_by_chance():
    generated = features(30, seed=2)
    alike = svm_attack(features(60, seed=0), features(60, seed=1), generated).test
    assert alike.auc.low <= alike.auc_floor[1]
    # A column a thousand times larger would drown the others, were features not scaled.
    shifted = features(60, seed=1)
    shifted[:, 0] += 2.5
    found = svm_attack(features(60, seed=0), shifted, generated)
    assert found.test.auc.low > found.test.auc_floor[1]
    assert found.f1 > 0.75


def test_f1_stands_beside_the_constant_answer():
    always = attack_result(np.ones(50), np.ones(50))
    assert always.f1 == always.constant_f1 == pytest.approx(2 / 3)
    assert always.test.auc.value == 0.5
    certain = attack_result(np.ones(50), -np.ones(50))
    assert certain.f1 == 1
    assert attack_result(np.ones(10), np.ones(30)).constant_f1 == pytest.approx(0.4)


def test_clusters_are_judged_by_shuffled_memberships():
    chance = [ward_purity(features(40, seed=2 * k), features(40, seed=2 * k + 1)) for k in range(5)]
    assert np.median([each.p for each in chance]) > 0.05
    planted = ward_purity(features(40, seed=0), features(40, seed=1) + np.array([8, 8, 8, 8, 8, 0]))
    assert planted.p < 0.01
    assert planted.purity == 1
    assert sorted(planted.sizes) == [40, 40]


def test_a_relation_network_is_tested_on_tiles_it_was_not_trained_on(monkeypatch):
    monkeypatch.setattr(relation_network, "EPISODES", 15)
    tiles = draw_discs(48, seed=0)
    result = run_to_end(relation_attack(tiles[:24], tiles[24:], draw_discs(8, seed=2)))
    # Trained on its own test tiles it would know them by heart.
    assert result.test.auc.value < 0.8
    assert result.test.n_members == 24
    again = run_to_end(relation_attack(tiles[:24], tiles[24:], draw_discs(8, seed=2)))
    assert again.test.auc == result.test.auc
    bright = (tiles[24:].astype(int) + 60).clip(0, 255).astype(np.uint8)
    told = run_to_end(relation_attack(tiles[:24], bright, draw_discs(8, seed=2)))
    assert told.test.auc.value > 0.9
    with pytest.raises(LabError, match="got 5, 24 and 8"):
        run_to_end(relation_attack(tiles[:5], tiles[24:], draw_discs(8, seed=2)))


def test_equal_mix_takes_equally_many_of_each_class():
    rows, others = equal_class_mix([0] * 5 + [1] * 2, [0] * 3 + [1] * 9 + [2])
    assert len(rows) == len(others) == 5
    assert np.bincount(np.array([0] * 5 + [1] * 2)[rows]).tolist() == [3, 2]
    assert equal_class_mix([], [])[0].tolist() == []
