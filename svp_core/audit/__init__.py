"""Audits of a generator: can its particles be told from real ones, and does it reproduce its training images?"""

from svp_core.audit.copying import CopyTest, TilePair, copy_test
from svp_core.audit.nearest_tiles import distinct_tiles
from svp_core.audit.two_sample import two_sample_auc

__all__ = ["CopyTest", "TilePair", "copy_test", "distinct_tiles", "two_sample_auc"]
