"""Can anyone tell synthetic particles from real ones, and does a generator give away what it was trained on?"""

from svp_core.audit.copying import CopyTest, TilePair, copy_test
from svp_core.audit.nearest_tiles import distinct
from svp_core.audit.two_sample import two_sample_auc

__all__ = ["CopyTest", "TilePair", "copy_test", "distinct", "two_sample_auc"]
