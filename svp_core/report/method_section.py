"""How the figures of a report came about, so that they can be had again: model, thresholds, formulas, hashes."""

import re

from svp_core.classification.results import measure_label, model_of
from svp_core.classification.results_csv import INSTRUMENT, MEASURES
from svp_core.display import class_name, format_percent
from svp_core.errors import LabError
from svp_core.files import file_sha256
from svp_core.model_files import read_model_folder, weights_sha256
from svp_core.report.markup import definition_list, join, table, tag

_USED = ("circularity",)  # measures that a report shows, besides its diameter
_INFORMATIONAL = (
    "Flow imaging is informational (USP <1788>): the figures describe what the camera saw, and are no verdict."
)


def informational_note():
    """Html of the sentence that every report carries."""
    return tag("p", _INFORMATIONAL, class_="informational")


def method_section(found, counted, settings):
    """Html: how particles were named, measured and counted, and of what this was made."""
    return join(
        tag("h3", "How particles were named"),
        _naming(found, settings),
        tag("h3", "How they were measured"),
        _measuring(found, settings),
        tag("h3", "How they were counted"),
        _counting(counted, settings),
        tag("h3", "What this was made from"),
        _made_from(found),
    )


def _naming(found, settings):
    weights, named_by = found.summary.get("weights", ""), found.summary.get("weights_sha256")
    thresholds = [[class_name(key), format_percent(settings.threshold(key))] for key in found.class_keys]
    unsure = tag(
        "p",
        "Each particle has the name of its most probable class, and is unsure where that probability is below the "
        "class's threshold. The classifier knows these classes only and puts everything into one of them.",
    )
    asked = table(["Class", "Unsure below"], [thresholds], caption="Thresholds")
    try:
        run = read_model_folder(model_of(found.summary))
        now = weights_sha256(run.folder)
    except LabError as error:
        known = definition_list([("Model", weights), ("sha256 of its weights", named_by)])
        return join(unsure, known, asked, tag("p", f"Nothing more can be said of the model: {error}"))
    known = definition_list(
        [
            ("Model", weights),
            ("sha256 of its weights", named_by or now),
            ("sha256 of its card", sha256_of(run.folder / "card.md") if run.card else None),
        ]
    )
    if named_by not in (None, now):
        changed = f"The model called {weights} has other weights by now; its card is not that of those used here."
        return join(
            unsure, definition_list([("Model", weights), ("sha256 of its weights", named_by)]), asked, tag("p", changed)
        )
    return join(unsure, known, asked, tag("div", *card_extract(run.card), class_="card-extract"))


def card_extract(card):
    """Html pieces of a model card's beginning: what it says before its first heading, and what it is for and not."""
    if not card.strip():
        return [tag("p", "The model has no card.")]
    sections = re.split(r"^## +(.+)$", card, flags=re.MULTILINE)
    title, _, begin = sections[0].strip().partition("\n")
    shown = [tag("h4", "From the model's card: ", title.lstrip("# ")), *_markdown(begin)]
    for head, body in zip(sections[1::2], sections[2::2], strict=True):
        if head.casefold().startswith(("intended use", "what it is for")):
            shown += [tag("h4", head.strip()), *_markdown(body)]
    return shown


def _markdown(text):
    """Html pieces of the little Markdown that cards use: paragraphs, lists, bold, code; all else as it stands."""
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        if lines and lines[0].startswith("- "):
            items = re.split(r"^- ", block, flags=re.MULTILINE)[1:]
            yield tag("ul", *(tag("li", *_inline(item)) for item in items))
        elif lines and lines[0].startswith("|"):
            yield tag("pre", block)
        elif block:
            yield tag("p", *_inline(block))


def _inline(text):
    text = re.sub(r"\s+", " ", text.strip())
    for part in re.split(r"(\*\*.+?\*\*|`.+?`|\[.+?\]\(.+?\))", text):
        if part.startswith("**"):
            yield tag("b", part[2:-2])
        elif part.startswith("`"):
            yield tag("code", part[1:-1])
        elif part.startswith("["):
            yield part[1 : part.index("](")]
        else:
            yield part


def _measuring(found, settings):
    used = dict.fromkeys((settings.diameter, *_USED))
    told = [(measure_label(name), MEASURES[name].definition) for name in used if name in MEASURES]
    words = [
        "Each particle is measured on its own image: within the instrument's outline where its files hold one, else "
        "within an outline of our own. Nothing is resized."
    ]
    kinds = {run["kind"] for run in found.summary.get("runs", [])}
    if settings.diameter.startswith(INSTRUMENT):
        words.append(f"Sizes are the instrument's own: {measure_label(settings.diameter)}; they are taken to be in µm.")
    elif any(kind.startswith("flowcam") for kind in kinds):
        words.append(
            "Sizes are those of the outline as it is. FlowCam takes its fringe size off every length, so the sizes in "
            "its own list are smaller."
        )
    return join(*(tag("p", sentence) for sentence in words), definition_list(told))


def _counting(counted, settings):
    words = [
        "Counts are cumulative: all particles of at least the size. Intervals are exact Poisson intervals of 95 % "
        "(Garwood 1936): by how much a count would vary if the same liquid were imaged again."
    ]
    if counted.volume_ml is not None:
        words.append("Per mL is the count times the dilution, divided by the volume imaged.")
    if counted.reference is None:
        words.append(f"Counts are not corrected for confusion between classes: {counted.no_reference}")
    else:
        words.append(
            "Corrected counts are the true ones that most likely gave what was named, by what the classifier calls "
            "labelled particles of like size that it was not trained on (expectation and maximisation, Shepp and Vardi "
            "1982); their intervals hold the chance in sample and labelled particles together. Those are "
            f"{counted.reference.description}."
        )
        words.append("How far labelled particles are like those of this sample, no interval knows.")
    return join(*(tag("p", sentence) for sentence in words))


def _made_from(found):
    inputs, summary = found.summary.get("inputs") or {}, found.summary
    choices = "; ".join(f"{key}: {option}" for key, option in (summary.get("choices") or {}).items())
    hashed = "one line a file (name, tab, bytes, tab, sha256 of its content, line feed), in order of names"
    known = definition_list(
        [
            ("Files of the source", f"{inputs['files']:,}, {inputs['bytes']:,} bytes" if inputs else None),
            ("Their fingerprint", inputs.get("sha256")),
            ("It is the sha256 of", hashed if inputs else None),
            ("sha256 of results.csv", sha256_of(found.folder / "results.csv")),
            ("Choices made on reading", choices),
            ("Software", ", ".join(f"{name} {is_}" for name, is_ in (summary.get("software") or {}).items())),
        ]
    )
    return known


def sha256_of(path):
    """Hash of a file's content as hexadecimal letters; "" where there is no such file."""
    if not path.is_file():
        return ""
    return file_sha256(path)
