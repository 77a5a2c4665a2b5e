"""Name and measure every particle of a folder, archive, run or picture: one row per particle offered.

--out results.csv makes that table alone; --out FOLDER makes all that report, export-results and the pages work with.
"""

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path

from svp_core.commands.arguments import check_file, check_folder, pixel_size, print_progress
from svp_core.errors import LabError


def add_arguments(parser):
    """What classify takes."""
    parser.add_argument("source", type=Path)
    parser.add_argument("--weights", default="resnet18", help="name of a model or a run folder")
    parser.add_argument("--um-per-px", type=pixel_size, help="pixel size, instead of what the files say")
    parser.add_argument(
        "--choose",
        type=_choice,
        action="append",
        default=[],
        metavar="KEY=OPTION",
        help="answer to a question that the files leave open; questions are shown with their keys",
    )
    parser.add_argument("--out", type=Path, required=True, help="file that ends with .csv, or a folder")


def _choice(text):
    key, _, option = text.rpartition("=")
    if not key:
        raise argparse.ArgumentTypeError(f"{text} is not like KEY=OPTION")
    return key, option


def run(options):
    """One row for every particle that was offered, rejected ones with their reason."""
    from svp_core.classifier.resnet import load_classifier
    from svp_core.instruments.detect import detect_source
    from svp_core.workspace.models import find_model

    weights, choices = find_model(options.weights), dict(options.choose)
    into_table = options.out.suffix.casefold() == ".csv" and not os.path.isdir(options.out)
    if into_table:
        check_file(options.out)
    else:
        check_folder(options.out)
        _check_holds_none(options.out)
    summary = detect_source(options.source, choices)
    print(f"{summary.title}: {summary.count if summary.count is not None else 'some'} particles", file=sys.stderr)
    if unknown := set(choices) - {question.key for question in summary.questions}:
        asked = ", ".join(question.key for question in summary.questions) or "nothing"
        raise LabError(f"{min(unknown)!r} is not asked of this source; it leaves open {asked}.")
    for question in summary.questions:
        answer = choices.get(question.key, question.default)
        print(
            f"{question.text} {answer}; else --choose '{question.key}=OPTION' ({', '.join(question.options)})",
            file=sys.stderr,
        )
    if into_table:
        offered, rejected, counts = _into_table(options, summary, load_classifier(weights), choices)
    else:
        offered, rejected, counts = _into_folder(options, weights, choices)
    named = ", ".join(f"{key} {count}" for key, count in counts.items())
    print(f"{offered} rows in {options.out}: {named}, rejected {rejected}")


def _check_holds_none(folder):
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or (folder / "summary.json").is_file())):
        raise LabError(
            f"{folder} exists and holds no classification; name a new folder, or a table that ends with .csv."
        )


def _into_table(options, summary, classifier, choices):
    """(offered, rejected, class key -> count); results.csv is written row by row."""
    from svp_core.classification.classify import classify_source
    from svp_core.classification.results_csv import ResultsWriter, count_classes

    offered, rejected, counts = 0, 0, Counter()
    with open(options.out, "w", newline="", encoding="utf-8") as file:
        writer = ResultsWriter(file, classifier.config.class_keys, summary.columns)
        for chunk in classify_source(
            options.source,
            classifier,
            um_per_px=options.um_per_px,
            choices=choices,
            instrument=summary.columns,
            count=summary.count,
        ):
            writer.write(chunk)
            offered += len(chunk.rows)
            rejected += sum(row["status"] == "rejected" for row in chunk.rows)
            counts.update(count_classes(chunk.rows))
            print_progress("particles", offered, summary.count)
    return offered, rejected, counts


def _into_folder(options, weights, choices):
    """As _into_table, by the task that the page starts: the folder is that of its job."""
    from svp_core.tasks.classify import ClassifyRequest, classify

    request = ClassifyRequest(str(options.source), str(weights), options.um_per_px, choices=choices or None)
    options.out.mkdir(parents=True, exist_ok=True)
    for progress in classify(request, options.out):
        print_progress("particles", progress.step, progress.total)
    written = json.loads((options.out / "summary.json").read_text("utf-8"))
    return written["offered"], written["rejected"], written["counts"]
