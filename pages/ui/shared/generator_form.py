"""Form fields for generating particles: model, quality, class, number, seed; estimated time on this computer."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from svp_core.display import class_name
from svp_core.errors import LabError
from svp_core.tasks.generation_request import MAX_SEED
from svp_core.tasks.job_kinds import request_of
from svp_core.workspace import jobs
from svp_core.workspace.models import Model, list_models

MODEL_KINDS = ("generator", "published")  # keys of a generator in its config.json: ours, or the paper's
START_S = 6  # until the worker has loaded the network
CALL_S = {"generator": 0.03, "published": 0.25}  # network call for one image, before it was measured on this computer
QUALITY_HELP = (
    "Preview for a quick check; standard for most work; diverse, with fresh noise at each step, for training data. A "
    "published model is exact with all its steps, and nearly exact but many times faster with few."
)


def generators() -> dict[str, Model]:
    """Name -> generator, shipped ones first. Raises LabError when there is none."""
    models = {model.name: model for model in list_models(*MODEL_KINDS)}
    if not models:
        raise LabError("No generator was found: the shipped one is missing from this copy. Install SvP Lab again.")
    return models


def model_kind(model: Model) -> str:
    """One of MODEL_KINDS."""
    return next(kind for kind in MODEL_KINDS if kind in model.config)


def classes_of(model: Model) -> list[str]:
    """Keys of the classes that a model generates, in its label order."""
    return list(model.config[model_kind(model)]["class_keys"])


def choose_model() -> Model:
    """The chosen model, shared by all pages; ?model=NAME in the address chooses it too."""
    models = generators()
    if "model" not in st.query_params and st.session_state.get("_model") in models:
        # Every page has a state of its own; this is what was chosen on another.
        st.session_state["model"] = st.session_state["_model"]
    # Shown by the bare names, which are what the address holds.
    name = st.selectbox("Model", list(models), key="model", width=260, bind="query-params", on_change=_store_model)
    st.session_state["_model"] = name
    return models[name]


def preselect_model(name: str) -> None:
    """Choose this model before choose_model() is called; nothing if it no longer exists."""
    if name in generators():
        st.session_state["model"] = st.session_state["_model"] = name


def _store_model():
    st.session_state["_model"] = st.session_state["model"]


def choose_quality(model: Model, key: str) -> str:
    """Key of the chosen sampler of this model."""
    samplers = samplers_of(model)
    _drop_unavailable(key, samplers)
    # Not as the widget's own default: a job that is opened sets the state, too.
    default = "standard" if "standard" in samplers else next(iter(samplers))
    st.session_state.setdefault(key, default)
    chosen = st.segmented_control(
        "Quality, steps",
        list(samplers),
        required=True,
        key=key,
        persist_state="session",
        help=QUALITY_HELP,
        format_func=lambda sampler: f"{samplers[sampler].name}, {samplers[sampler].steps}",
    )
    return chosen or default


def choose_class(class_keys: Sequence[str], key: str) -> str:
    """One of these classes."""
    _drop_unavailable(key, class_keys)
    default = class_keys[min(1, len(class_keys) - 1)]
    st.session_state.setdefault(key, default)
    chosen = st.segmented_control(
        "Class",
        class_keys,
        required=True,
        format_func=class_name,
        key=key,
        persist_state="session",
    )
    return chosen or default


def choose_classes(class_keys: Sequence[str], key: str) -> list[str]:
    """Some of these classes, in this order; all by default."""
    before = st.session_state.get(key, class_keys)
    # A different model may generate none of the classes chosen before; an empty choice is the user's own.
    st.session_state[key] = [class_key for class_key in class_keys if class_key in before] or (before and class_keys)
    chosen = st.pills(
        "Classes", class_keys, selection_mode="multi", format_func=class_name, key=key, persist_state="session"
    )
    return [class_key for class_key in class_keys if class_key in chosen]


def fields() -> DeltaGenerator:
    """A row of fields of different heights with their labels in one line; a button beside it stands at its foot."""
    return st.container(horizontal=True, vertical_alignment="top", gap="small", width="content")


def seed_input(key: str, help_text: str) -> float:
    """Field for the seed of a run; check it with check_seed()."""
    return integer_input("Seed", 0, key, help_text=help_text)


def integer_input(label: str, value: int, key: str, *, step: int = 1, help_text: str | None = None) -> float:
    """Field for a whole number; check it with require_integer(): int, or float if it is not whole.

    A field with bounds, or for integers only, keeps an invalid number to itself while the previous one stays in force.
    """
    st.session_state.setdefault(key, float(value))
    number = st.number_input(
        label,
        step=float(step),
        format="%g",
        key=key,
        persist_state="session",
        width=160,
        help=help_text,
    )
    return int(number) if number == int(number) else number


def require_integer(label: str, number: float, minimum: int, maximum: int) -> int:
    """The number as int. Raises LabError unless it is a whole number from minimum to maximum."""
    if isinstance(number, int) and minimum <= number <= maximum:
        return number
    got = f"{number:,}" if abs(number) < 1e15 else f"{number:g}"
    raise LabError(f"{label} must be a whole number from {minimum:,} to {maximum:,}; got {got}.")


def check_seed(seed: float) -> int:
    """The seed as int. Raises LabError unless it is valid."""
    return require_integer("Seed", seed, 0, MAX_SEED)


def seconds_to_make(model: Model, sampler: str, counts: Sequence[int]) -> float:
    """Estimated duration of a job on this computer, in seconds. counts: images per class; sampler: its key.

    From the last job of this model here; before that, from a typical network of its kind.
    """
    calls = samplers_of(model)[sampler].steps * sum(_images_in_full_calls(model, sampler, count) for count in counts)
    return START_S + calls * (_measured_call_s(model) or CALL_S[model_kind(model)])


def samplers_of(model: Model) -> Mapping[str, Any]:
    """Key -> sampler of a model."""
    from svp_core.generator import load

    return load.samplers_of(model.config)


def _measured_call_s(model):
    """Seconds per network call and image in this model's last finished job here; None without one."""
    samplers = samplers_of(model)
    for job in jobs.recent(50):
        if job.state != "done" or not job.rate or job.kind not in ("generate", "denoise"):
            continue
        try:
            request = request_of(job)
        except LabError:
            continue  # of another version
        if request.weights != model.name or request.sampler not in samplers:
            continue
        if job.kind == "generate":
            return 1 / (job.rate * (request.steps or samplers[request.sampler].steps))
        return 1 / (job.rate * _images_in_full_calls(model, request.sampler, request.count))
    return None


def _images_in_full_calls(model, sampler, count):
    """Images that the network computes for `count`: a partly filled call takes as long as a full one."""
    from svp_core.device import best_device

    size = samplers_of(model)[sampler].call_size[best_device().type]
    return -(-count // size) * size


def _drop_unavailable(key, options):
    """Forget a choice that a different model offered and this one does not."""
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)
