"""Which labels are wrong? Arrays in, arrays out: labels and features, or probabilities of any model.

`review` does all of it; the steps are there to be taken one by one. Scores: 0 = surely labelled wrong, 1 = fine.
"""

from svp_core.label_errors.batch_effects import LotFinding, lot_findings
from svp_core.label_errors.class_pairs import PairCount, pair_counts
from svp_core.label_errors.duplicates import Copies, find_copies
from svp_core.label_errors.find import Review, review
from svp_core.label_errors.folds import draw_folds
from svp_core.label_errors.memorisation import memorised
from svp_core.label_errors.neighbours import Nearest, find_nearest, from_other_folds, votes
from svp_core.label_errors.noise_matrix import Noise, find_noise
from svp_core.label_errors.out_of_fold import out_of_fold
from svp_core.label_errors.outliers import find_strangers, strangeness
from svp_core.label_errors.pca import Space, build_space
from svp_core.label_errors.ridge import LeaveOneOut, as_probs, leave_one_out_ridge
from svp_core.label_errors.scores import SUSPECT, Suspects, find_suspects, score_labels
from svp_core.label_errors.validation import LEAST, margins, probability_given

__all__ = [
    "LEAST",
    "SUSPECT",
    "Copies",
    "LeaveOneOut",
    "LotFinding",
    "Nearest",
    "Noise",
    "PairCount",
    "Review",
    "Space",
    "Suspects",
    "as_probs",
    "build_space",
    "draw_folds",
    "find_copies",
    "find_nearest",
    "find_noise",
    "find_strangers",
    "find_suspects",
    "from_other_folds",
    "leave_one_out_ridge",
    "lot_findings",
    "margins",
    "memorised",
    "out_of_fold",
    "pair_counts",
    "probability_given",
    "review",
    "score_labels",
    "strangeness",
    "votes",
]
