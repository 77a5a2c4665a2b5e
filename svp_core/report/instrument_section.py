"""Instrument section of a report: its profile, and the classifier's validation on its particles."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from svp_core.classification.own_instrument import profile_of
from svp_core.classification.results import ClassificationResults
from svp_core.display import class_name, join_names, model_label
from svp_core.profiles.profile import InstrumentProfile
from svp_core.profiles.wording import condition_texts
from svp_core.report.render import Fact, facts
from svp_core.size_standard.standard import from_dict
from svp_core.size_standard.wording import SIZE_HEADINGS, size_row, standard_sentences
from svp_core.validation.wording import percent, range_text, summary_sentences


@dataclass(frozen=True)
class Table:
    """A table of texts."""

    caption: str
    headings: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class InstrumentSection:
    """Facts of the profile, what the validation says, and its tables."""

    facts: list[Fact]
    sentences: list[str]
    tables: list[Table] = field(default_factory=list)
    standard: list[str] = field(default_factory=list)  # sentences on its size-standard run
    standard_tables: list[Table] = field(default_factory=list)


def instrument_section(results: ClassificationResults) -> InstrumentSection | None:
    """Section of the instrument that a classification belongs to; None where it belongs to none."""
    profile = profile_of(results.summary)
    if profile is None:
        return None
    known = facts(
        [
            ("Name", profile.name),
            ("Pixel size", f"{profile.um_per_px:.4g} µm"),
            ("Its images", ", ".join(condition_texts(results.summary.get("conditions") or profile.conditions))),
        ]
    )
    standard, standard_tables = _size_standard(profile)
    record = profile.validation_of(results.summary.get("weights_sha256"))
    if record is None:
        model = results.summary.get("weights", "")
        sentences, tables = (
            [f"The classifier {model_label(model)} was not validated on particles of this instrument."],
            [],
        )
    else:
        sentences, tables = [_origin(record), *summary_sentences(record)], _tables(record["figures"])
        if results.is_folded:
            sentences.append("These figures are of the classes that the classifier names, none of them folded.")
    return InstrumentSection(known, sentences, tables, standard, standard_tables)


def _size_standard(profile: InstrumentProfile) -> tuple[list[str], list[Table]]:
    """Sentences and table of the latest size-standard run."""
    standard = from_dict(profile.size_standard)
    if standard is None:
        return ["No size-standard run is stored for this instrument."], []
    rows = [size_row(size) for size in standard.sizes]
    return standard_sentences(standard), [Table("Sizes of the beads, intervals 95 %", SIZE_HEADINGS, rows)]


def _origin(record: Mapping[str, Any]) -> str:
    return (
        f"{record['drawn']:,} particles of this instrument were drawn at random by size on {record['created'][:10]} "
        f"and labelled by {join_names(record['reviewers'])} without seeing the classifier's answer. Classifier: "
        f"{model_label(record['weights'])}. Intervals: 95 %."
    )


def _tables(figures: Mapping[str, Any]) -> list[Table]:
    by_size = [
        [range_text(row), f"{row['drawn']:,} of {row['population']:,}", _n(row["accuracy"]), percent(row["accuracy"])]
        for row in figures["by_size"]
    ]
    by_class = [
        [class_name(row["class"]), _n(row["ppv"]), percent(row["ppv"]), _n(row["found"]), percent(row["found"])]
        for row in figures["by_class"]
    ]
    by_confidence = [
        [
            f"{row['low']:.2f} to {row['high']:.2f}",
            f"{100 * row['confidence']:.0f} %",
            _n(row["right"]),
            percent(row["right"]),
        ]
        for row in figures["calibration"]
    ]
    return [
        Table("By size: most likely class right", ["Size", "Drawn", "Told by eye", "Right"], by_size),
        Table("By class", ["Class", "Named so", "of those so", "Are so", "of those named so"], by_class),
        Table("By confidence", ["Confidence", "Mean", "Particles", "Right"], by_confidence),
    ]


def _n(estimate: Mapping[str, Any] | None) -> str:
    return f"{estimate['n']:,}" if estimate else "0"
