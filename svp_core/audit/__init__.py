"""Can anyone tell synthetic particles from real ones, and does a generator give away what it was trained on?"""

from svp_core.audit.copying import Copies, Pair, copies
from svp_core.audit.nearest_tiles import distinct
from svp_core.audit.two_sample import told_apart

__all__ = ["Copies", "Pair", "copies", "distinct", "told_apart"]
