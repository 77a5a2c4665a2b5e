"""Method section of a report: model, thresholds, formulas and hashes, so that the numbers can be reproduced."""

from dataclasses import dataclass, field
from pathlib import Path

from svp_core.classification.counted import CountResult, thresholds_of
from svp_core.classification.derived_columns import DIAMETER, NUMBERS, SIZE
from svp_core.classification.folded_classes import fold_sentence, mixture_sentence
from svp_core.classification.results import ClassificationResults, measure_label, model_of
from svp_core.classification.results_csv import INSTRUMENT
from svp_core.classification.settings import CountSettings
from svp_core.classification.size_comparison import rules_text
from svp_core.display import format_percent, model_label
from svp_core.errors import LabError
from svp_core.files import file_sha256
from svp_core.model_files import read_model_folder, weights_sha256
from svp_core.report.card_extract import CardBlock, card_extract
from svp_core.report.correction_text import correction_sentences
from svp_core.report.render import Fact, facts

INFORMATIONAL = (
    "Flow imaging is informational (USP <1788>): the numbers describe the images, and are not a pass/fail result."
)
_SHAPE_MEASURES = ("circularity",)  # that a report shows, beside its diameter
_HASHED = "one line per file (name, tab, bytes, tab, sha256 of its content, line feed), in order of names"


@dataclass(frozen=True)
class ModelFacts:
    """The classifier, as far as it can be identified."""

    facts: list[Fact]
    note: str = ""  # why nothing more is known
    card: list[CardBlock] = field(default_factory=list)


@dataclass(frozen=True)
class MethodSection:
    """How particles were classified, measured and counted, and what the report was made from."""

    model: ModelFacts
    classes: str  # which classes are counted as one, as a sentence; "" where none are
    thresholds: list[tuple[str, str]]  # (class key, text)
    novelty: str  # sentences
    measuring: list[str]  # sentences
    measures: list[Fact]
    counting: list[str]  # sentences
    sources: list[Fact]


def method_section(results: ClassificationResults, counted: CountResult, settings: CountSettings) -> MethodSection:
    """Method section of a classification counted by these settings."""
    measures = dict.fromkeys((settings.diameter, *_SHAPE_MEASURES))
    return MethodSection(
        model=_model(results),
        classes=fold_sentence(results.as_stored.class_keys) if results.is_folded else "",
        thresholds=[(key, format_percent(settings.threshold(key))) for key in results.class_keys],
        novelty=_novelty(results, settings),
        measuring=_measuring(results, settings),
        measures=facts((measure_label(name), NUMBERS[name].definition) for name in measures if name in NUMBERS),
        counting=_counting(results, counted, settings),
        sources=_sources(results),
    )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content as hexadecimal digits; "" where there is no such file."""
    return file_sha256(path) if path.is_file() else ""


def _named(name: str) -> str:
    """ "ResNet-18 (resnet18)": as papers write it, and the name that the command line takes."""
    label = model_label(name)
    return label if label == name else f"{label} ({name})"


def _model(results: ClassificationResults) -> ModelFacts:
    name, recorded = results.summary.get("weights", ""), results.summary.get("weights_sha256")
    identified = facts([("Model", _named(name)), ("sha256 of its weights", recorded)])
    try:
        model = read_model_folder(model_of(results.summary))
        current = weights_sha256(model.folder)
    except LabError as error:
        return ModelFacts(identified, f"The model is not available: {error}")
    if recorded not in (None, current):
        return ModelFacts(
            identified,
            f"The weights of the model {name} have changed since; its card does not describe those used here.",
        )
    card_sha256 = sha256_of(model.folder / "card.md") if model.card else None
    known = [
        ("Model", _named(name)),
        ("sha256 of its weights", recorded or current),
        ("sha256 of its card", card_sha256),
    ]
    return ModelFacts(facts(known), card=card_extract(model.card))


def _measuring(results: ClassificationResults, settings: CountSettings) -> list[str]:
    sentences = [
        "Each particle is measured on its own image: within the instrument's outline where its files contain one, "
        "otherwise within an outline that SvP Lab finds. Images are not resized."
    ]
    kinds = {run["kind"] for run in results.summary.get("runs", [])}
    if settings.diameter.startswith(INSTRUMENT):
        sentences.append(
            f"Sizes are the instrument's own: {measure_label(settings.diameter)}; they are assumed to be in µm."
        )
    elif settings.diameter == SIZE:
        if rules := results.summary.get("size_rules"):
            sentences.append(f"The size of a particle is the size of record: {rules_text(rules)}.")
    elif settings.diameter == DIAMETER:
        sentences.append(
            "Sizes are estimates of the true diameter: corrected for the optics by what simulated particles of known "
            "size look like."
        )
    elif any(kind.startswith("flowcam") for kind in kinds):
        sentences.append(
            "Sizes are those of the outline itself. FlowCam subtracts its fringe size from every length, so the sizes "
            "in its own list are smaller."
        )
    return sentences


def _counting(results: ClassificationResults, counted: CountResult, settings: CountSettings) -> list[str]:
    sentences = [
        "Counts are cumulative: all particles of at least the size. Intervals are exact 95 % Poisson intervals "
        "(Garwood 1936): how much a count would vary if the same liquid were imaged again."
    ]
    if counted.volume_ml is not None:
        sentences.append("Concentrations per mL are the count times the dilution, divided by the imaged volume.")
    if counted.reference is None:
        sentences.append(f"Counts are not corrected for confusion between classes: {counted.no_reference}")
    else:
        sentences += correction_sentences(counted.reference, thresholds_of(results, settings))
        if results.is_folded:
            sentences.append(mixture_sentence(results.as_stored.class_keys))
    return sentences


def _novelty(results: ClassificationResults, settings: CountSettings) -> str:
    """How particles are marked as unlike all classes; why none is, where none can be."""
    novelty = results.summary.get("novelty") or {}
    if "calibration" not in novelty:
        return f"No particle is marked as unlike all classes. {novelty.get('reason', '')}".strip()
    if settings.unlike_below <= 0:
        return "Particles unlike all classes are not marked, by choice."
    return (
        "A particle is unlike all classes where it is more unusual than "
        f"{format_percent(1 - settings.unlike_below)} of the known particles that are named alike, by texture and "
        "outline (Mahalanobis distance in features of a fixed network), by its place between the classes (relative "
        "Mahalanobis distance in the classifier's features, Ren et al. 2021), or by size, shape and contrast: the "
        "conformal p-value of the smallest of the three p-values. So this share of known particles is marked by "
        f"construction, on another instrument more or fewer. Known are {novelty['calibration']}. "
        f"{novelty.get('note', '')}"
    ).rstrip()


def _sources(results: ClassificationResults) -> list[Fact]:
    summary = results.summary
    inputs, choices = summary.get("inputs") or {}, summary.get("choices") or {}
    return facts(
        [
            ("Files of the source", f"{inputs['files']:,}, {inputs['bytes']:,} bytes" if inputs else None),
            ("Their fingerprint", inputs.get("sha256")),
            ("It is the sha256 of", _HASHED if inputs else None),
            ("sha256 of results.csv", sha256_of(results.folder / "results.csv")),
            ("Choices made when reading", "; ".join(f"{key}: {option}" for key, option in choices.items())),
            ("Software", ", ".join(f"{name} {version}" for name, version in (summary.get("software") or {}).items())),
        ]
    )
