"""Label errors: arrays in, arrays out (labels and features, or probabilities of any model).

find_label_errors runs the whole chain; each step can be used alone. Scores: 0 = certainly mislabelled, 1 = correct.
"""

from svp_core.label_errors.batch_effects import BatchEffect, batch_effects
from svp_core.label_errors.class_pairs import PairCount, count_class_pairs
from svp_core.label_errors.duplicates import Duplicates, find_duplicates
from svp_core.label_errors.find import LabelErrorReport, find_label_errors
from svp_core.label_errors.folds import assign_folds
from svp_core.label_errors.memorisation import memorisation_warning
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
    "leave_one_out_ridge",
    "margins",
    "memorisation_warning",
    "neighbour_votes",
    "out_of_fold",
    "outlier_score",
    "probability_given",
    "score_labels",
    "score_set",
]
