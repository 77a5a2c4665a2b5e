"""Classify and measure every particle of a folder, archive, instrument run or image: one row per item.

--out results.csv writes that table alone; --out FOLDER writes everything that report, export-results and the pages use.
"""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from svp_core.commands.arguments import (
    MODEL_HELP,
    add_engine,
    add_source_and_out,
    check_file,
    check_folder,
    chosen_engine,
    follow,
    number_between,
    pixel_size,
    print_progress,
)
from svp_core.errors import LabError
from svp_core.tasks.classify import DEFAULT_CLASSIFIER, ClassifyRequest, classify


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of classify."""
    add_source_and_out(parser)
    parser.add_argument("--weights", default=DEFAULT_CLASSIFIER, metavar="MODEL", help=MODEL_HELP)
    add_engine(parser)
    reading = parser.add_argument_group("reading the source")
    reading.add_argument("--um-per-px", type=pixel_size, help="pixel size, µm, that replaces the one in the files")
    reading.add_argument(
        "--bit-depth",
        type=_bit_depth,
        metavar="BITS",
        help="depth of the camera, for images of more than 8 bits: 12 means that values 0 to 4095 are black to white",
    )
    reading.add_argument(
        "--choose",
        type=_choice,
        action="append",
        default=[],
        metavar="KEY=OPTION",
        help="answer to a question that the files leave open; questions are printed with their keys",
    )


def _choice(text: str) -> tuple[str, str]:
    key, _, option = text.rpartition("=")
    if not key:
        raise ArgumentTypeError(f"{text} is not like KEY=OPTION")
    return key, option


def _bit_depth(text: str) -> int:
    return int(number_between(text, int, 1, 32, "a bit depth; give a whole number from 1 to 32"))


def run(options: Namespace) -> None:
    """Write one row for every item of the source, rejected ones with their reason."""
    from svp_core.classification.first_look import look_at_first
    from svp_core.instruments.brightness import BRIGHTNESS, settled_choices
    from svp_core.instruments.detect import detect_source
    from svp_core.workspace.models import find_model

    weights, choices = find_model(options.weights), dict(options.choose)
    if options.bit_depth:
        choices[BRIGHTNESS] = f"{options.bit_depth} bits"
    is_table = options.out.suffix.casefold() == ".csv" and not _is_folder(options.out)
    if is_table:
        check_file(options.out)
    else:
        check_folder(options.out)
        _check_is_free(options.out)
    source = detect_source(options.source, choices)
    print(f"{source.title}: {source.count if source.count is not None else 'some'} particles", file=sys.stderr)
    _print_questions(source.questions, choices)
    choices = settled_choices(source, choices)
    for note in source.notes:
        print(f"note: {note}", file=sys.stderr)
    for caution in (*source.cautions, *look_at_first(options.source, choices).cautions):
        print(f"check: {caution}", file=sys.stderr)
    if is_table:
        offered, rejected, counts = _write_table(options, source, weights, choices)
    else:
        offered, rejected, counts = _write_folder(options, weights, choices)
    classes = ", ".join(f"{key} {count}" for key, count in counts.items())
    print(f"{offered} rows in {options.out}: {classes}, rejected {rejected}")


def _print_questions(questions: Any, choices: Mapping[str, str]) -> None:
    """Print what the source leaves open and how it was answered. Raises LabError for an answer without a question."""
    from svp_core.instruments.brightness import BRIGHTNESS, is_brightness

    if unknown := set(choices) - {question.key for question in questions} - {BRIGHTNESS}:
        keys = ", ".join(question.key for question in questions) or "nothing"
        raise LabError(f"{min(unknown)!r} is not a question of this source; it leaves open {keys}.")
    for question in questions:
        default = choices.get(BRIGHTNESS, question.default) if is_brightness(question) else question.default
        answer = choices.get(question.key, default)
        print(
            f"{question.text} {answer}; else --choose '{question.key}=OPTION' ({', '.join(question.options)})",
            file=sys.stderr,
        )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long: check_file explains it
        return False


def _check_is_free(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and (not any(folder.iterdir()) or (folder / "summary.json").is_file())):
        raise LabError(
            f"{folder} exists and holds no classification; name a new folder, or a table that ends with .csv."
        )


def _write_table(
    options: Namespace, source: Any, weights: Path, choices: Mapping[str, str]
) -> tuple[int, int, Mapping[str, int]]:
    """(items, rejected, class key -> count); results.csv is written row by row."""
    from svp_core.classification.classify import classify_source
    from svp_core.classification.results_csv import ResultsWriter, count_classes
    from svp_core.classifier.resnet import load_classifier

    classifier = load_classifier(weights)
    offered, rejected, counts = 0, 0, Counter()
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = ResultsWriter(file, classifier.config.class_keys, source.columns)
        for batch in classify_source(
            options.source,
            classifier,
            um_per_px=options.um_per_px,
            choices=choices,
            instrument=source.columns,
            count=source.count,
            engine=options.engine,
        ):
            writer.write(batch)
            offered += len(batch.rows)
            rejected += sum(row["status"] == "rejected" for row in batch.rows)
            counts.update(count_classes(batch.rows))
            print_progress("particles", offered, source.count)
    return offered, rejected, counts


def _write_folder(options: Namespace, weights: Path, choices: Mapping[str, str]) -> tuple[int, int, Mapping[str, int]]:
    """As _write_table, by the task that the page starts: the folder is like that of its job."""
    source, engine = str(options.source), chosen_engine(options)
    request = ClassifyRequest(source, str(weights), options.um_per_px, choices=choices or None, engine=engine)
    options.out.mkdir(parents=True, exist_ok=True)
    follow(classify(request, options.out), "particles")
    summary = json.loads((options.out / "summary.json").read_text("utf-8"))
    return summary["offered"], summary["rejected"], summary["counts"]
