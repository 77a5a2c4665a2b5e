"""Settings of a training: data sets, classes, base model, minutes."""

from collections.abc import Sequence

import streamlit as st

from pages.ui.shared import generator_form
from svp_core.display import class_name, count_noun, escape_markdown, truncate
from svp_core.training.split import MAX_TILES, MIN_PER_CLASS, MIN_TILES, SHARE_HELD_OUT
from svp_core.training.time_budget import CHECK_SHARE, MAX_MINUTES, MIN_MINUTES
from svp_core.workspace import datasets, jobs
from svp_core.workspace.models import list_models

DATASETS, CLASSES = "train_datasets", "train_classes"
SLOW, FAST = 12, 45  # images per second on one core before it was measured here: float32, bfloat16 hardware


def choose_more_datasets(dataset: str) -> None:
    """Add this data set to the choice; before choose_datasets()."""
    st.session_state[DATASETS] = [*st.session_state.get(DATASETS, []), dataset]


def choose_datasets() -> list[str]:
    """Ids of the chosen data sets."""
    available = {meta["id"]: meta for meta in datasets.list_datasets() if meta["classes"]}
    if not available:
        return []
    st.session_state[DATASETS] = [dataset for dataset in st.session_state.get(DATASETS, []) if dataset in available]
    return st.multiselect(
        "Data sets",
        list(available),
        format_func=lambda dataset: _title(available[dataset]),
        key=DATASETS,
        persist_state="session",
        placeholder="Choose data sets",
    )


def _title(meta):
    generated = ", generated" if meta["kind"] == "synthetic" else ""
    return f"{truncate(meta['name'])} ({meta['count']:,}{generated})"


def counts_of(chosen: Sequence[str]) -> dict[str, int]:
    """Class key -> number of its images in these data sets."""
    counts: dict[str, int] = {}
    for meta in datasets.list_datasets():
        for key, count in meta["classes"].items() if meta["id"] in chosen else ():
            counts[key] = counts.get(key, 0) + count
    return counts


def choose_classes(chosen: Sequence[str]) -> list[str]:
    """Keys of the classes to train on; by default those with enough images."""
    counts = counts_of(chosen)
    enough = [key for key, count in counts.items() if count >= MIN_PER_CLASS]
    return st.pills(
        "Classes",
        list(counts),
        selection_mode="multi",
        default=enough,
        key=f"{CLASSES}_{'_'.join(sorted(chosen))}",
        persist_state="session",
        format_func=lambda key: f"{class_name(key)}, {counts[key]:,}",
        help=f"At least {MIN_PER_CLASS} different images per class and {MIN_TILES} in all; 200 or more are better.",
    )


def choose_base() -> str | None:
    """Name of the model to start from, None for random weights."""
    names = [model.name for model in list_models("generator")]
    return st.selectbox(
        "Start from",
        [*names, None],
        key="train_base",
        persist_state="session",
        width=220,
        format_func=lambda name: name or "random weights",
        help="Fine-tuning a model that already generates particles is faster and needs fewer images.",
    )


def minutes_input() -> float:
    """Field for the duration; check it with check_minutes()."""
    return generator_form.integer_input("Minutes, in all", 30, "train_minutes", step=10)


def check_minutes(minutes: float) -> int:
    """Minutes as int. Raises LabError for a duration that cannot be planned."""
    return generator_form.require_integer("Minutes", minutes, MIN_MINUTES, MAX_MINUTES)


def refusal(chosen: Sequence[str], class_keys: Sequence[str]) -> str:
    """Why this choice cannot be trained on, one line of Markdown; "" if it can."""
    available = counts_of(chosen)
    counts = {key: count for key, count in available.items() if key in class_keys}
    if not counts:
        return escape_markdown(f"Choose at least one class.{_too_few(available, class_keys)}")
    for key, count in counts.items():
        if count < MIN_PER_CLASS:
            return escape_markdown(
                f"{class_name(key)} has {count_noun(count, 'image')}, but a class needs at least {MIN_PER_CLASS}. "
                "Deselect it, or import more images of it."
            )
    if (total := sum(counts.values())) < MIN_TILES:
        return escape_markdown(
            f"{count_noun(total, 'image')} chosen, but a generator needs at least {MIN_TILES}. Import more."
        )
    if total > MAX_TILES:
        return escape_markdown(f"{total:,} images chosen; at most {MAX_TILES:,} can be trained on. Choose fewer.")
    return ""


def expectation(chosen: Sequence[str], class_keys: Sequence[str], minutes: int) -> str:
    """What this many minutes amount to on this computer, one line of Markdown."""
    total = sum(count for key, count in counts_of(chosen).items() if key in class_keys)
    rate, measured = _images_per_second()
    shown = int(60 * minutes * rate * (1 if measured else 1 - CHECK_SHARE))
    each = shown / max(1, total * (1 - SHARE_HELD_OUT))
    how = "measured in the last training here" if measured else "estimate; measured when training starts"
    alone = f" The model will generate {class_name(class_keys[0]).lower()} only." if len(class_keys) == 1 else ""
    few = _too_few(counts_of(chosen), class_keys)
    return escape_markdown(
        f"{total:,} images, a fifth of them held out. In {count_noun(minutes, 'minute')}, preparation and checks "
        f"included, about {shown:,} are trained on, each about {each:,.0f} times, at {rate:.0f} images per second "
        f"({how}).{alone}{few}"
    )


def _too_few(counts, class_keys):
    """Classes with too few images that are not chosen, a sentence after a space; "" if there is none."""
    small = [
        f"{class_name(key).lower()} {count:,}"
        for key, count in counts.items()
        if key not in class_keys and count < MIN_PER_CLASS
    ]
    return f" Fewer than {MIN_PER_CLASS} images: {', '.join(small)}." if small else ""


def _images_per_second():
    """(images per second, whether it was measured here)."""
    from svp_core.training.training_log import read_log

    for job in jobs.recent(50):
        if job.kind == "train" and job.rate and (record := read_log(_folder(job))):
            return job.rate * record.facts["plan"]["batch"], True
    from svp_core.device import best_device, has_fast_bfloat16

    return FAST if has_fast_bfloat16(best_device()) else SLOW, False


def _folder(job):
    from svp_core.tasks.train import model_of
    from svp_core.workspace.models import models_folder

    folder = jobs.job_folder(job.id)
    name = model_of(folder)
    return models_folder() / name if name else folder / "run"
