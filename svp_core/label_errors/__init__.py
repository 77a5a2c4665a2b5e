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
    "Duplicates",
    "LeaveOneOut",
    "BatchEffect",
    "Neighbours",
    "NoiseMatrix",
    "PairCount",
    "LabelErrorReport",
    "PcaSpace",
    "LabelScores",
    "as_probs",
    "fit_pca",
    "assign_folds",
    "find_duplicates",
    "find_neighbours",
    "estimate_noise",
    "find_outliers",
    "score_set",
    "from_other_folds",
    "leave_one_out_ridge",
    "batch_effects",
    "margins",
    "is_memorised",
    "out_of_fold",
    "count_class_pairs",
    "probability_given",
    "find_label_errors",
    "score_labels",
    "outlier_score",
    "neighbour_votes",
]
