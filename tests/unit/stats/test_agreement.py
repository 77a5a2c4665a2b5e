"""Agreement of two labellings: against scikit-learn, computed by hand, and where it is undefined."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from svp_core.stats.agreement import agreement_by_size, kappa, measure_agreement, measure_anchoring


def agreement(first, second) -> Any:
    """Agreement of two labellings that exists."""
    return measure_agreement(list(first), list(second))


def anchoring(follows, shown) -> Any:
    """Anchoring that exists."""
    return measure_anchoring(follows, shown)


def by_size(*columns, **options) -> list[Any]:
    """Agreement by size, as agreement_by_size gives it."""
    return agreement_by_size(*columns, **options)


def answers(rng, n, shares, *, repeated):
    """Two labellings: the second repeats the first answer with this probability, otherwise draws any."""
    first = rng.choice(["air_bubble", "protein", "unsure"], n, p=shares)
    other = rng.choice(["air_bubble", "protein", "unsure"], n, p=shares)
    return first, np.where(rng.random(n) < repeated, first, other)


@pytest.mark.parametrize("seed", range(5))
def test_kappa_equals_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    first, second = answers(rng, 200, [0.2, 0.7, 0.1], repeated=seed / 4)
    found = agreement(first, second)
    assert found.kappa.value == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
    assert found.kappa.low <= found.kappa.value <= found.kappa.high
    assert found.kappa.n == found.n == 200
    assert found.same.value == np.mean(first == second)


def test_the_table_has_the_first_labelling_in_its_rows():
    found = agreement(["a", "a", "a", "b"], ["a", "b", "b", "b"])
    assert found.answers == ("a", "b")
    assert found.table.tolist() == [[1, 2], [0, 1]]
    # By hand: same 2/4; by chance 3/4 x 1/4 + 1/4 x 3/4 = 6/16.
    assert found.same.value == 0.5
    assert found.kappa.value == pytest.approx((0.5 - 0.375) / (1 - 0.375))


def test_the_interval_covers_the_true_kappa():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        # The second labelling repeats the first with probability 0.7, else draws again: kappa is exactly 0.7.
        found = agreement(*answers(rng, 300, [0.5, 0.3, 0.2], repeated=0.7)).kappa
        inside += found.low <= 0.7 <= found.high
    assert inside >= 0.9 * 200


def test_a_single_answer_has_a_share_but_no_kappa():
    found = agreement(["protein"] * 30, ["protein"] * 30)
    assert found.kappa is None
    assert found.same.value == 1
    assert 0.85 < found.same.low < 1
    assert agreement([], []) is None
    assert agreement(["a"], ["b"]).kappa.value == 0
    assert agreement(["a"], ["a"]).kappa is None
    with pytest.raises(ValueError, match="two answers per particle; got 1 and 2"):
        agreement(["a"], ["a", "b"])


def test_kappa_of_stacked_tables_equals_kappa_of_each():
    tables = np.random.default_rng(1).integers(1, 20, (4, 3, 3))
    assert np.allclose(kappa(tables), [kappa(table) for table in tables])


def test_agreement_is_given_by_size():
    sizes = [2, 7.99, 8, 30, np.nan]
    low, high, unknown = by_size(list("aabbc"), list("babbc"), sizes)
    assert (low[:2], high[:2], unknown[:2]) == ((0, 8), (8, np.inf), (None, None))
    assert (low[2].n, low[2].same.value) == (2, 0.5)
    assert (high[2].n, high[2].same.value) == (2, 1)
    assert unknown[2].n == 1
    assert [found for _, _, found in agreement_by_size(["a"], ["a"], [3.0], edges_um=(5, 10))][1:] == [None, None]


def test_following_the_suggestion_is_detected():
    rng = np.random.default_rng(2)
    shown = rng.random(2000) < 0.9
    found = anchoring(rng.random(2000) < np.where(shown, 0.8, 0.5), shown)
    assert found.difference.low < 0.3 < found.difference.high
    assert found.difference.low > 0.15
    assert found.shown.value > found.hidden.value
    assert found.difference.n == (~shown).sum()
    assert anchoring([True], [True]) is None
    assert anchoring([], []) is None
    with pytest.raises(ValueError, match="one value of each per answer"):
        anchoring([True], [])


def test_the_difference_has_newcombes_interval():
    """The example of Newcombe 1998, Table II: 56/70 against 48/80, method 10: 0.0524 to 0.3339."""
    found = anchoring([True] * 56 + [False] * 14 + [True] * 48 + [False] * 32, [True] * 70 + [False] * 80).difference
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
