"""A recorded denoising: the player with its strip of chosen steps, and what can be taken away."""

import streamlit as st

from pages.ui.components.trajectory_player import show_trajectory
from pages.ui.shared.sample_content import particle_names, read_trajectory
from svp_core.generator import trajectory_images
from svp_core.images import encode_png
from svp_core.workspace import jobs

MOST_COLUMNS = 10
VIEWS = {"noisy": "noisy", "clean": "predicted clean", "changed": "what changed"}


@st.cache_data(max_entries=4, show_spinner=False)
def trajectory_of(job_id):
    """The trajectory of a finished "denoise" job, of long ones only so many steps as can be played smoothly."""
    whole = read_trajectory(jobs.job_folder(job_id) / "trajectory.npz")
    kept = trajectory_images.evenly_spaced_steps(len(whole["sigmas"]) - 1)
    return {**whole, **{name: whole[name][kept] for name in ("noisy", "clean", "sigmas")}, "steps": kept}


@st.fragment
def show(trajectory, name):
    """Draw it. trajectory: as read_trajectory gives it, "steps" of its frames where they are not all.

    name: of the files that are taken away, without ending.
    """
    steps = list(trajectory.get("steps", range(len(trajectory["sigmas"]))))
    view = st.session_state.get("player", {}).get("view", "clean")
    with st.container(horizontal=True, gap="small", horizontal_alignment="right"):
        chosen = _choose_steps(steps)
        _take_away(trajectory, steps, chosen, view, name)
    changed, gains = trajectory_images.step_changes(trajectory["clean"], chosen)
    names = particle_names(trajectory)
    show_trajectory(
        trajectory["noisy"],
        trajectory["clean"],
        trajectory["sigmas"],
        names,
        key="player",
        steps=steps,
        chosen=chosen,
        gains=gains,
        changed=changed if chosen else None,
        alt=f"Denoising of {len(names)} particles",
    )
    if view == "changed":
        st.caption(
            "The predicted clean image against the one of the column before: grey is no change; small changes are "
            "drawn stronger, as the head of the column says."
        )


def _choose_steps(steps):
    """Frames of the strip, ascending positions in `steps`."""
    nearest = [
        min(steps, key=lambda step: abs(step - at))
        for at in trajectory_images.steps_at(trajectory_images.PAPER_PERCENT, steps[-1])
    ]
    paper = sorted(set(map(steps.index, nearest)))
    key = f"steps_{steps[-1]}"
    with st.popover("Steps in the strip"):
        st.session_state.setdefault(key, paper)
        chosen = st.pills(
            f"Steps, at most {MOST_COLUMNS}",
            range(len(steps)),
            selection_mode="multi",
            key=key,
            format_func=lambda at: str(steps[at]),
            persist_state="session",
        )
        st.button(
            "As in the paper",
            key="paper_steps",
            on_click=st.session_state.update,
            args=({key: paper},),
            help="0, 40, 80, 90, 96 and 100 % of the way",
        )
    return sorted(chosen)[:MOST_COLUMNS]


def _take_away(trajectory, steps, chosen, view, name):
    sigmas, last = trajectory["sigmas"], steps[-1]

    def frames(at):
        return trajectory_images.step_changes(trajectory["clean"], at)[0] if view == "changed" else trajectory[view][at]

    # Drawn at once, some 50 ms: what is made only on the click is lost when another run of the page ends meanwhile.
    headings = [f"{100 * steps[at] / last:.0f} %, step {steps[at]}\nsigma {sigmas[at]:.3g}" for at in chosen]
    strip = encode_png(trajectory_images.draw_strip(frames(chosen), headings)) if chosen else b""
    file = f"{name}_{VIEWS[view].replace(' ', '_')}"
    st.download_button(
        f"PNG strip, {VIEWS[view]}",
        strip,
        f"{file}.png",
        "image/png",
        key="strip_png",
        on_click="ignore",
        disabled=not chosen,
    )
    film_bytes = trajectory_images.draw_animation(frames(list(range(len(steps)))))
    st.download_button(
        f"GIF film, {VIEWS[view]}", film_bytes, f"{file}.gif", "image/gif", key="film_gif", on_click="ignore"
    )
