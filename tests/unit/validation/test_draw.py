"""Drawing by size: every range is seen, nothing is drawn twice, and weights give the population back."""

import numpy as np
import pytest

from svp_core.validation.draw import SizeRange, allot, draw_by_size, weights_of

EDGES = (2, 5, 10, 25)
SIZES = np.concatenate([np.full(700, 3.0), np.full(250, 6.0), np.full(44, 12.0), np.full(4, 30.0), [np.nan, 1.0]])


def test_half_of_the_draws_are_even_and_half_in_proportion():
    draw = draw_by_size(SIZES, 100, edges=EDGES, seed=1)
    assert len(set(draw.positions.tolist())) == 100
    by_range = {(one.low, one.high): (one.population, one.drawn) for one in draw.ranges}
    assert by_range[(25, None)] == (4, 4)
    assert by_range[(None, None)] == (1, 1)
    assert by_range[(0.0, 2)] == (1, 1)
    assert sum(drawn for _, drawn in by_range.values()) == 100
    assert by_range[(2, 5)][1] > by_range[(5, 10)][1] > by_range[(10, 25)][1] >= 10
    for index, one in enumerate(draw.ranges):
        inside = SIZES[draw.positions[draw.range_of == index]]
        assert len(inside) == one.drawn
        if one.low is None:
            assert np.isnan(inside).all()
        else:
            assert (inside >= one.low).all()
            assert one.high is None or (inside < one.high).all()


def test_the_order_says_nothing_of_the_size_and_the_seed_gives_the_draw():
    draw = draw_by_size(SIZES, 300, edges=EDGES, seed=3)
    halves = [(draw.range_of[part] == 1).mean() for part in (slice(150), slice(150, None))]
    assert abs(halves[0] - halves[1]) < 0.2
    assert (draw_by_size(SIZES, 300, edges=EDGES, seed=3).positions == draw.positions).all()
    assert (draw_by_size(SIZES, 300, edges=EDGES, seed=4).positions != draw.positions).any()


@pytest.mark.parametrize("population", [[5], [0, 3], [1000, 1, 1], [7, 7, 7, 7], [100_000, 3, 40]])
@pytest.mark.parametrize("count", [1, 3, 5, 60])
def test_allotments_add_up_and_fit(population, count):
    drawn = allot(np.array(population), min(count, sum(population)))
    assert drawn.sum() == min(count, sum(population))
    assert (drawn <= population).all()


def test_fewer_particles_than_wanted_are_all_drawn():
    assert len(draw_by_size([3.0, np.nan], 60, edges=EDGES, seed=0).positions) == 2
    assert len(draw_by_size([], 60, edges=EDGES, seed=0).positions) == 0


def test_weights_add_up_to_the_population_of_the_answered_ranges():
    ranges = (SizeRange(2, 5, 900, 30), SizeRange(5, None, 100, 20))
    weights = weights_of(ranges, [0, 0, 0, 1, 1])
    assert weights.tolist() == [300, 300, 300, 50, 50]
