"""What is ordered of a generator: which model, how well, from which seed; and how long that will take here."""

import streamlit as st

from pages.ui.shared.text import class_name
from svp_core.errors import LabError
from svp_core.tasks.generation_request import MAX_SEED
from svp_core.workspace import jobs
from svp_core.workspace.models import list_models

MODEL_KINDS = ("generator", "published")  # what a run's config calls a generator: ours, or one from its authors
START_S = 6  # until the worker has its network
CALL_S = {"generator": 0.03, "published": 0.25}  # a network call of one image, before this computer was measured
QUALITY_HELP = (
    "Preview for a first look; standard to work with; diverse, with fresh noise on the way, for training. A published "
    "model is exact with all its steps, and nearly so, many times faster, with few."
)


def generators():
    """Name -> Model of every generator here, shipped ones first. Raises LabError where there is none."""
    found = {model.name: model for model in list_models(*MODEL_KINDS)}
    if not found:
        raise LabError("There is no generator here; the shipped one is missing from this copy, install it again.")
    return found


def model_kind(model):
    """What a model is: one of PARTS."""
    return next(part for part in MODEL_KINDS if part in model.config)


def classes_of(model):
    """Keys of the classes that a model makes, in its label order."""
    return list(model.config[model_kind(model)]["class_keys"])


def choose_model():
    """The Model chosen, the same on every page; ?model=NAME in the address chooses it too."""
    found = generators()
    if "model" not in st.query_params and st.session_state.get("_model") in found:
        # Each page has a memory of its own; this is what was chosen on the other.
        st.session_state["model"] = st.session_state["_model"]
    # Shown by their bare names, as these are what the address holds.
    name = st.selectbox("Model", list(found), key="model", width=260, bind="query-params", on_change=_keep_model)
    st.session_state["_model"] = name
    return found[name]


def preselect_model(name):
    """Choose this model, before choose_model() does; nothing where it is gone."""
    if name in generators():
        st.session_state["model"] = st.session_state["_model"] = name


def _keep_model():
    st.session_state["_model"] = st.session_state["model"]


def choose_quality(model, key):
    """Key of the sampler chosen, of those that this model has."""
    samplers = samplers_of(model)
    _forget_unless(key, samplers)
    default = "standard" if "standard" in samplers else next(iter(samplers))
    return st.segmented_control(
        "Quality, steps",
        list(samplers),
        default=default,
        required=True,
        key=key,
        persist_state="session",
        help=QUALITY_HELP,
        format_func=lambda sampler: f"{samplers[sampler].name}, {samplers[sampler].steps}",
    )


def choose_class(class_keys, key):
    """One of these classes."""
    _forget_unless(key, class_keys)
    return st.segmented_control(
        "Class",
        class_keys,
        default=class_keys[min(1, len(class_keys) - 1)],
        required=True,
        format_func=class_name,
        key=key,
        persist_state="session",
    )


def choose_classes(class_keys, key):
    """Some of these classes, in this order; all of them to begin with."""
    before = st.session_state.get(key, class_keys)
    # Another model may make none of those chosen for the last one; that nothing is chosen is for the person to say.
    st.session_state[key] = [class_key for class_key in class_keys if class_key in before] or (before and class_keys)
    chosen = st.pills(
        "Classes", class_keys, selection_mode="multi", format_func=class_name, key=key, persist_state="session"
    )
    return [class_key for class_key in class_keys if class_key in chosen]


def seed_input(key, words):
    """Seed of the run, for check_whole() too. words: what it is good for."""
    return integer_input("Seed", 0, key, help=words)


def integer_input(label, value, key, *, step=1, help=None):
    """What stands in a field for a whole number, for check_whole(): int, or float where it is none.

    A field with bounds of its own, or for int alone, keeps a number outside to itself, and the one before it would
    silently go on to hold.
    """
    number = st.number_input(
        label, value=float(value), step=float(step), format="%g", key=key, persist_state="session", width=140, help=help
    )
    return int(number) if number == int(number) else number


def require_integer(words, number, least, most):
    """Raises LabError for what is no whole number from least to most. words: what was asked for, {} for the number."""
    if not (isinstance(number, int) and least <= number <= most):
        asked = words.format(f"{number:,}" if abs(number) < 1e15 else f"{number:g}")
        raise LabError(f"{asked}; give a whole number from {least:,} to {most:,}.")


def check_seed(seed):
    """Raises LabError for what is no seed."""
    require_integer("The seed is {}", seed, 0, MAX_SEED)


def seconds_to_make(model, sampler, counts):
    """How long a job on this computer will take for so many images, a count a class; float.

    sampler: its key. From the last work that this model has done here; before that, from what a network of its kind
    usually takes.
    """
    calls = samplers_of(model)[sampler].steps * sum(_in_full_calls(model, sampler, count) for count in counts)
    return START_S + calls * (_measured_call_s(model) or CALL_S[model_kind(model)])


def samplers_of(model):
    """Key -> sampler of a model."""
    from svp_core.generator import load

    return load.samplers_of(model.config)


def _measured_call_s(model):
    """Seconds of a network call of one image in this model's last finished job here; None where there is none."""
    samplers = samplers_of(model)
    for job in jobs.recent(50):
        asked = job.config
        if job.state != "done" or not job.rate or asked.get("weights") != model.name:
            continue
        if asked.get("sampler") not in samplers:
            continue
        if job.kind == "generate":
            return 1 / (job.rate * (asked.get("steps") or samplers[asked["sampler"]].steps))
        if job.kind == "denoise":
            return 1 / (job.rate * _in_full_calls(model, asked["sampler"], asked["count"]))
    return None


def _in_full_calls(model, sampler, count):
    """Images that a network works on for so many: a call takes as long for fewer than it has room for."""
    from svp_core.device import best_device

    size = samplers_of(model)[sampler].call_size[best_device().type]
    return -(-count // size) * size


def _forget_unless(key, options):
    """What another model offered and this one does not is no choice any more."""
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)
