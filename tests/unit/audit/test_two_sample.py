"""The two-sample test: sets alike cannot be told apart, smoother ones can."""

import numpy as np
import pytest
from scipy import ndimage

from svp_core import audit
from svp_core.audit import two_sample
from tests.helpers.drawn_discs import draw_discs


def test_equal_distributions_cannot_be_told_apart_and_smoother_tiles_can(monkeypatch):
    monkeypatch.setattr(two_sample, "MIN_STEPS", 50)
    monkeypatch.setattr(two_sample, "PASSES", 0)
    real, synthetic = draw_discs(120, seed=0), draw_discs(120, seed=1)
    equal = audit.two_sample_auc(real=real, synthetic=synthetic)
    assert equal.value == pytest.approx(0.5, abs=0.1)
    assert equal.low < 0.5 < equal.high
    assert equal.n == 120
    smooth = np.stack([ndimage.gaussian_filter(tile.astype(float), 0.6) for tile in synthetic]).round().astype(np.uint8)
    result = audit.two_sample_auc(real=real, synthetic=smooth[:100])
    assert result.value > 0.9
    assert result.n == 100
    monkeypatch.setattr(two_sample, "MIN_STEPS", 3)
    first, second = (audit.two_sample_auc(real=real[:30], synthetic=synthetic, seed=5) for _ in range(2))
    assert first == second
    assert first.n == 30
    with pytest.raises(ValueError, match="got 5 real and 120 synthetic"):
        audit.two_sample_auc(real=real[:5], synthetic=synthetic)
