"""Form of an audit: the generator, the images it was and was not trained on, and what can be measured with them."""

import streamlit as st

from pages.ui.shared import generator_form
from pages.ui.shared.model_card import origin, show_model
from pages.ui.shared.url_state import start_job
from svp_core.display import count_noun, escape_markdown, format_duration, truncate
from svp_core.errors import LabError
from svp_core.tasks.audit import MAX_IMAGES, AuditRequest, find_reference, recorded_datasets
from svp_core.workspace import datasets
from svp_core.workspace.models import Model

CALLS_PER_TILE = 24  # network calls: three noise levels, four draws, two networks
MAX_COUNTED = 2000  # tiles of each set that an audit compares
START_S = 20  # loading, and the comparison without the generator
IMAGE_STEPS = 24
CONTEST_HELP = (
    "Relation network, support vectors and Ward clusters, as in the contest ImageCLEFmedical GANs 2023: they see "
    "images only, and take some minutes more."
)


def show_form() -> None:
    """Settings of an audit; starts the job when its button is pressed."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        model = generator_form.choose_model()
        images = generator_form.integer_input(
            "Images per class",
            40,
            "audit_images",
            step=10,
            help_text="Generated to search for copies of training images.",
        )
        contest = st.checkbox("Contest tools", key="audit_contest", help=CONTEST_HELP)
    recorded, training, held_out = _recorded(model), None, None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        if not recorded:
            training, held_out = _choose_sources(model)
        ready = bool(recorded) or (training is not None and held_out is not None)
        pressed = st.button("Audit", type="primary", key="audit_go", disabled=not ready)
    count = generator_form.require_integer("Images per class", images, 1, MAX_IMAGES)
    st.caption(_what_is_known(model, recorded, ready, training, held_out, count))
    show_model(model.name, origin(model))
    if pressed:
        start_job(AuditRequest(model.name, training, held_out, images=count, contest_tools=contest or None))


def _recorded(model: Model) -> list[str]:
    """Ids of the data sets that a model was trained on, if all of them are still here."""
    ids, present = recorded_datasets(model.folder), {meta["id"] for meta in datasets.list_datasets()}
    return ids if ids and set(ids) <= present else []


def _choose_sources(model: Model) -> tuple[str | None, str | None]:
    """Ids of the data sets of training and of held-out images."""
    keys = set(generator_form.classes_of(model))
    titles = {
        meta["id"]: f"{truncate(meta['name'])} ({sum(meta['classes'].get(key, 0) for key in keys):,})"
        for meta in datasets.list_datasets()
        if keys & set(meta["classes"])
    }
    chosen = []
    for label, key in (("Trained on", "audit_training"), ("Held out", "audit_held_out")):
        if st.session_state.get(key) not in titles:
            st.session_state.pop(key, None)
        chosen.append(st.selectbox(label, list(titles), index=None, format_func=titles.__getitem__, key=key, width=260))
    return chosen[0], chosen[1]


def _what_is_known(
    model: Model, recorded: list[str], ready: bool, training: str | None, held_out: str | None, images: int
) -> str:
    """What can be audited with what is known of the model, in Markdown."""
    if not ready:
        return (
            "Which images this model was trained on is not recorded here. Import them on Train as a data set, and "
            "images of the same source that were not trained on as another; then choose both. The command `audit` "
            "takes folders."
        )
    metas = {meta["id"]: meta for meta in datasets.list_datasets()}
    if recorded:
        names = ", ".join(truncate(metas[each]["name"]) for each in recorded)
        known = f"Its training and held-out images are known: {names}."
        tiles = sum(model.config["trained_on"].values()), len(model.config["held_out"])
    else:
        if training == held_out:
            raise LabError("The same data set was chosen twice; choose held-out images that were not trained on.")
        known = "Both sets must come from the same source; the audit checks that first."
        tiles = metas[training]["count"], metas[held_out]["count"]  # type: ignore[index]  (ready: both are chosen)
    _, reference = find_reference(model.folder)
    call_s = generator_form.CALL_S[generator_form.model_kind(model)] / 2  # without guidance
    denoised = sum(min(count, MAX_COUNTED) for count in tiles) * CALLS_PER_TILE
    made = images * len(generator_form.classes_of(model)) * IMAGE_STEPS
    seconds = START_S + call_s * (denoised + 2 * made)
    attack = (
        f"Membership by denoising loss, calibrated by {reference}"
        if reference
        else "Membership by denoising loss, without a reference (weak)"
    )
    text = (
        f"{known} {attack}; copies among {count_noun(images, 'generated image')} per class; told apart. About "
        f"{format_duration(seconds)} on this computer."
    )
    return escape_markdown(text)
