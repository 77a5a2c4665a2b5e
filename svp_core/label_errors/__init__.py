"""Which labels are wrong? Arrays in, arrays out: labels and features, or probabilities of any model.

`review` does all of it; the steps are there to be taken one by one. Scores: 0 = surely labelled wrong, 1 = fine.
"""

from svp_core.label_errors.batch_effects import BatchEffect, batch_effects
from svp_core.label_errors.class_pairs import PairCount, count_class_pairs
from svp_core.label_errors.duplicates import Duplicates, find_duplicates
from svp_core.label_errors.find import LabelErrorReport, find_label_errors
from svp_core.label_errors.folds import assign_folds
from svp_core.label_errors.memorisation import is_memorised
from svp_core.label_errors.neighbours import Neighbours, find_neighbours, from_other_folds, neighbour_votes
from svp_core.label_errors.noise_matrix import NoiseMatrix, estimate_noise
from svp_core.label_errors.out_of_fold import out_of_fold
from svp_core.label_errors.outliers import find_outliers, outlier_score
from svp_core.label_errors.pca import PcaSpace, fit_pca
from svp_core.label_errors.ridge import LeaveOneOut, as_probs, leave_one_out_ridge
from svp_core.label_errors.scores import SUSPECT, LabelScores, score_labels, score_set
from svp_core.label_errors.validation import MIN_PER_CLASS, margins, probability_given

__all__ = [
    "MIN_PER_CLASS",
    "SUSPECT",
    "BatchEffect",
    "Duplicates",
    "LabelErrorReport",
    "LabelScores",
    "LeaveOneOut",
    "Neighbours",
    "NoiseMatrix",
    "PairCount",
    "PcaSpace",
    "as_probs",
    "assign_folds",
    "batch_effects",
    "count_class_pairs",
    "estimate_noise",
    "find_duplicates",
    "find_label_errors",
    "find_neighbours",
    "find_outliers",
    "fit_pca",
    "from_other_folds",
    "is_memorised",
    "leave_one_out_ridge",
    "margins",
    "neighbour_votes",
    "out_of_fold",
    "outlier_score",
    "probability_given",
    "score_labels",
    "score_set",
]
