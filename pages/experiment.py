"""Experiment: does augmentation help here? Choose particles, balance and arms; compare them on held-out real ones."""

import streamlit as st

from pages.ui.experiment.balance import show_balance
from pages.ui.experiment.design_form import choose_design, show_cost
from pages.ui.experiment.results_view import show_results, show_so_far
from pages.ui.experiment.source_choice import choose_particles
from pages.ui.shared.job_status import show_progress, show_recent
from pages.ui.shared.url_state import close, opened_job, start_job
from svp_core.display import escape_markdown
from svp_core.errors import LabError
from svp_core.tasks.experiment import ExperimentRequest
from svp_core.workspace.jobs import Job


def show_form() -> None:
    """Particles, balance, arms, start button."""
    chosen = choose_particles()
    if chosen is None:
        st.caption("Choose labelled particles; then their numbers and the arms appear.")
        return
    st.subheader("Balance")
    dose, minority = show_balance(chosen)
    st.subheader("Arms")
    design = choose_design(chosen.counts, dose, minority)
    show_cost(design, chosen.counts)
    name = st.text_input("Name", chosen.name[:60], key=f"experiment_name_{chosen.source}", width=320)
    if st.button("Start experiment", type="primary", key="experiment_go"):
        start_job(ExperimentRequest(chosen.kind, chosen.source, name.strip(), design))


def show_experiment(job: Job) -> None:
    """The open experiment."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(escape_markdown(job.config["name"]))
        st.button("New experiment", key="experiment_another", on_click=close, args=("experiment",))
    show_progress(job, show_so_far)
    if not job.active:
        show_results(job)


st.title("Experiment")
st.markdown(
    "Does augmentation help here? Classifiers are trained with and without added particles and compared on real "
    "particles that none of them has seen."
)
try:
    if open_job := opened_job("experiment", "an experiment; start one here"):
        show_experiment(open_job)
    else:
        show_form()
        show_recent("Previous experiments", kinds=("experiment",))
except LabError as error:
    st.error(escape_markdown(error))
