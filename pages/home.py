"""Home: sample particles that are named already, a denoising to play, and where to go from here."""

import streamlit as st

from pages.ui.components.gallery import show_gallery
from pages.ui.components.trajectory_player import show_trajectory
from pages.ui.shared.job_status import show_recent
from pages.ui.shared.sample_content import particle_names, sample_results, sample_tiles, sample_trajectory
from pages.ui.shared.session_guard import require_app
from pages.ui.shared.text import class_name, count_noun, escape_markdown, format_share
from svp_core.errors import LabError
from svp_core.particle_classes import CLASSES

require_app(__file__)

NEXT = (
    ("pages/synthesize.py", "Make your own particles", "Pick a class and a seed; compare with reference particles."),
    ("pages/denoising.py", "Watch particles form", "Follow each one from pure noise to the finished image."),
    ("pages/classify.py", "Name the particles of a run", "Drop a folder, an archive or a FlowCam run."),
)


def show_samples():
    """The sample data set by class, as the shipped classifier names it."""
    results, tiles = sample_results(), sample_tiles()
    right = (results["label"] == results["given"]).sum()
    st.subheader("Sample particles, already classified")
    st.caption(
        f"{count_noun(len(results), 'simulated particle')}, named by the shipped ResNet-18: "
        f"{format_share(right, len(results))} as they were drawn. Click one to see it large."
    )
    for column, kind in zip(st.columns(len(CLASSES), gap="medium"), CLASSES, strict=True):
        found = results.index[results["label"] == kind.key]
        shown = found[:: max(1, len(found) // 48)][:48]
        with column:
            st.markdown(f"**{kind.name}** · {len(found):,}")
            show_gallery(
                tiles[shown],
                key=f"samples_{kind.key}",
                lines=3,
                alt=f"Sample particles named {kind.name.lower()}",
                words=[_words(results.loc[at]) for at in shown],
            )


def _words(row):
    return [
        f"{class_name(row['label'])}, confidence {row['confidence']:.2f}",
        f"Drawn as {class_name(row['given']).lower()}",
        str(row["image"]),
    ]


st.title("SvP Lab")
st.markdown("Make, watch and name sub-visible particles as flow imaging microscopes see them, all on this computer.")

with st.container(horizontal=True, gap="medium", key="next"):
    for page, label, text in NEXT:
        st.page_link(page, label=label, help=text, icon=":material/arrow_forward:")

try:
    show_samples()
    st.subheader("How a particle forms")
    st.caption(
        "Recorded from the shipped generator, which was trained on simulated particles. Press Play: above what the "
        "network is given at each step, below the clean image it takes it for."
    )
    shown = sample_trajectory()
    names = particle_names(shown)
    show_trajectory(
        shown["noisy"],
        shown["clean"],
        shown["sigmas"],
        names,
        key="home_player",
        alt=f"Denoising of {len(names)} particles, noisy above and predicted clean below",
    )
    show_recent("Recent work")
except LabError as error:
    st.error(escape_markdown(error))
