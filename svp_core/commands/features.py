"""Feature table of a source: the classifier's vector of every particle with its measures, as Parquet or CSV."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from svp_core.commands.arguments import MODEL_HELP, add_engine, check_file, print_left_out, print_progress
from svp_core.errors import LabError

SUFFIXES = (".parquet", ".csv")


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of features."""
    parser.add_argument("source", help="as for experiment: folder, data set, review, classification or simulator:…")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="features.parquet or features.csv")
    parser.add_argument("--weights", default="resnet18", metavar="MODEL", help=f"classifier: {MODEL_HELP}")
    add_engine(parser)
    parser.add_argument("--fold-seed", type=int, help="adds a column with the fold of this seed of an experiment")


def run(options: Namespace) -> None:
    """Write one row per particle."""
    from svp_core.classifier.resnet import load_classifier
    from svp_core.commands.experiment import _source
    from svp_core.embedding.feature_table import feature_table, write_feature_table
    from svp_core.progress import run_to_end
    from svp_core.tasks.experiment_source import read_real_particles
    from svp_core.workspace.models import find_model

    if options.out.suffix.lower() not in SUFFIXES:
        raise LabError(f"{options.out.name} is neither .parquet nor .csv; name the file like features.parquet.")
    check_file(options.out)
    classifier = load_classifier(find_model(options.weights))
    source = run_to_end(read_real_particles(*_source(options.source)), _show)
    print_left_out(source.left_out)
    real = source.real
    keys = [real.class_keys[label] for label in real.labels]
    columns = {"image": list(real.names), "class": keys}
    if real.groups is not None:
        columns["run"] = list(real.groups)
    if options.fold_seed is not None:
        columns["fold"] = _folds(real, options.fold_seed)
    table = run_to_end(feature_table(classifier, real.tiles, columns, engine=options.engine), _show)
    write_feature_table(table, options.out)
    print(f"{len(table):,} particles, {len(table.columns):,} columns: {options.out}")


def _folds(real, seed):
    from svp_core.experiment.folds import split_folds
    from svp_core.experiment.particles import lookalike_blocks

    fold = split_folds(real.labels, real.class_keys, blocks=lookalike_blocks(real), groups=real.groups, seed=seed)
    names = ["training"] * len(real.labels)
    for name, part in (("validation", fold.validation), ("test", fold.test)):
        for row in part:
            names[row] = name
    return names


def _show(progress):
    print_progress("particles", progress.step, progress.total)
