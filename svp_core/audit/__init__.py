"""Audits of a generator: can its particles be told from real ones, and does it give its training images away?"""

from svp_core.audit.copying import CopyTest, TilePair, copy_test
from svp_core.audit.data_shift import DataShift, data_shift
from svp_core.audit.membership import MembershipTest, membership_scores, membership_test
from svp_core.audit.nearest_tiles import distinct_tiles
from svp_core.audit.two_sample import two_sample_auc

__all__ = [
    "CopyTest",
    "DataShift",
    "MembershipTest",
    "TilePair",
    "copy_test",
    "data_shift",
    "distinct_tiles",
    "membership_scores",
    "membership_test",
    "two_sample_auc",
]
