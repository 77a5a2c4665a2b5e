"""What is to be learnt: data sets, classes, a model to start from, and how long."""

import streamlit as st

from pages.ui.shared import generator_form
from pages.ui.shared.text import class_name, count_noun, escape_markdown, truncate
from svp_core.training.split import MAX_TILES, MIN_PER_CLASS, MIN_TILES, SHARE_HELD_OUT
from svp_core.training.time_budget import CHECK_SHARE, MAX_MINUTES, MIN_MINUTES
from svp_core.workspace import datasets, jobs
from svp_core.workspace.models import list_models

DATASETS, CLASSES = "train_datasets", "train_classes"
SLOW, FAST = 12, 45  # images a second on one processor core, before this computer was measured; with bfloat16 hardware


def choose_more_datasets(dataset):
    """Choose this data set besides; before choose_datasets()."""
    st.session_state[DATASETS] = [*st.session_state.get(DATASETS, []), dataset]


def choose_datasets():
    """Ids of the data sets chosen."""
    found = {meta["id"]: meta for meta in datasets.list_datasets() if meta["classes"]}
    if not found:
        return []
    st.session_state[DATASETS] = [dataset for dataset in st.session_state.get(DATASETS, []) if dataset in found]
    return st.multiselect(
        "Data sets",
        list(found),
        format_func=lambda dataset: _title(found[dataset]),
        key=DATASETS,
        persist_state="session",
        placeholder="Choose data sets of this workspace",
    )


def _title(meta):
    made = ", made by a generator" if meta["kind"] == "synthetic" else ""
    return f"{truncate(meta['name'])} ({meta['count']:,}{made})"


def counts_of(chosen):
    """Class key -> images of it in these data sets."""
    counts = {}
    for meta in datasets.list_datasets():
        for key, count in meta["classes"].items() if meta["id"] in chosen else ():
            counts[key] = counts.get(key, 0) + count
    return counts


def choose_classes(chosen):
    """Keys of the classes to train on; those with too few images are not chosen to begin with."""
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
        help=f"At least {MIN_PER_CLASS} different images of a class, {MIN_TILES} in all; 200 and more are better.",
    )


def choose_base():
    """Name of the model to start from, None for nothing."""
    names = [model.name for model in list_models("generator")]
    return st.selectbox(
        "Start from",
        [*names, None],
        key="train_base",
        persist_state="session",
        width=220,
        format_func=lambda name: name or "nothing",
        help="Starting from a model that knows particles already is faster and needs fewer images.",
    )


def minutes_input():
    """How long to train, for check_minutes()."""
    return generator_form.integer_input("Minutes", 30, "train_minutes", step=10)


def check_minutes(minutes):
    """Raises LabError for a time that cannot be planned."""
    generator_form.require_integer("Minutes", minutes, MIN_MINUTES, MAX_MINUTES)


def refusal(chosen, class_keys):
    """Why this cannot be trained on, a line of Markdown; "" where nothing speaks against it yet."""
    there = counts_of(chosen)
    counts = {key: count for key, count in there.items() if key in class_keys}
    if not counts:
        return escape_markdown(f"Choose at least one class.{_too_few(there, class_keys)}")
    for key, count in counts.items():
        if count < MIN_PER_CLASS:
            return escape_markdown(
                f"{class_name(key)} has {count_noun(count, 'image')}, and a class needs at least {MIN_PER_CLASS}: "
                "leave it out, or bring in more of it."
            )
    if (given := sum(counts.values())) < MIN_TILES:
        return escape_markdown(
            f"{count_noun(given, 'image')} chosen, and a generator needs at least {MIN_TILES}: bring in more."
        )
    if given > MAX_TILES:
        return escape_markdown(f"{given:,} images chosen, and at most {MAX_TILES:,} can be trained on: choose fewer.")
    return ""


def expectation(chosen, class_keys, minutes):
    """What so many minutes come to here, a line of Markdown."""
    given = sum(count for key, count in counts_of(chosen).items() if key in class_keys)
    rate, measured = _images_per_second()
    shown = int(60 * minutes * rate * (1 if measured else 1 - CHECK_SHARE))
    each = shown / max(1, given * (1 - SHARE_HELD_OUT))
    how = "as the last training here did" if measured else "a guess, measured before it starts"
    alone = f" The model will make {class_name(class_keys[0]).lower()} only." if len(class_keys) == 1 else ""
    few = _too_few(counts_of(chosen), class_keys)
    return escape_markdown(
        f"{given:,} images, a fifth of them held out. {shown:,} are shown in {count_noun(minutes, 'minute')}, each "
        f"about {each:,.0f} times, at {rate:.0f} a second ({how}).{alone}{few}"
    )


def _too_few(counts, class_keys):
    """Which classes are not chosen because they have too few images, a sentence after a space; "" where none is."""
    small = [
        f"{class_name(key).lower()} {count:,}"
        for key, count in counts.items()
        if key not in class_keys and count < MIN_PER_CLASS
    ]
    return f" Too few to learn from, {MIN_PER_CLASS} are needed: {', '.join(small)}." if small else ""


def _images_per_second():
    """(rate, whether it was measured)."""
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
