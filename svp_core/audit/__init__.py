"""Can anyone tell synthetic particles from real ones, and does a generator give away what it was trained on?"""

from svp_core.audit.copying import Copies, Pair, copies
from svp_core.audit.nearest import distinct
from svp_core.audit.telling import told_apart

__all__ = ["Copies", "Pair", "copies", "distinct", "told_apart"]
