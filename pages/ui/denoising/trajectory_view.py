"""A recorded denoising: the step gallery with its scrubber, and downloads."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.ui.components.trajectory_player import show_trajectory
from pages.ui.shared.sample_content import particle_names, read_trajectory
from svp_core.display import class_name, escape_markdown
from svp_core.generator import trajectory_images
from svp_core.images import encode_png
from svp_core.tasks.generation_request import DEFAULT_GENERATOR
from svp_core.tasks.job_kinds import request_of
from svp_core.workspace import jobs
from svp_core.workspace.jobs import Job

MAX_COLUMNS = 10
VIEWS = {"noisy": "noisy input", "clean": "predicted clean", "changed": "change"}

Trajectory = dict[str, Any]  # arrays as read_trajectory gives them; "steps" of its frames where not all were kept


@st.cache_data(max_entries=4, show_spinner=False)
def trajectory_of(job_id: str) -> Trajectory:
    """The trajectory of a finished "denoise" job; of long ones only as many steps as can be played smoothly."""
    whole = read_trajectory(jobs.job_folder(job_id) / "trajectory.npz")
    kept = trajectory_images.evenly_spaced_steps(len(whole["sigmas"]) - 1)
    return {**whole, **{name: whole[name][kept] for name in ("noisy", "clean", "sigmas")}, "steps": kept}


def heading(job: Job, trajectory: Trajectory | None) -> str:
    """What is recorded, one line of Markdown: classes, denoising steps once they are known, seed, model."""
    request = request_of(job)
    names = [class_name(key).lower() for key in request.class_keys]
    facts = [f"{trajectory['steps'][-1]} steps"] if trajectory else []
    facts += [f"seed {request.seed}", f"model {request.weights or DEFAULT_GENERATOR}"]
    return escape_markdown(f"{', '.join(names).capitalize()}: {', '.join(facts)}")


@st.fragment
def show(trajectory: Trajectory, file_stem: str) -> None:
    """Draw a trajectory with its downloads. file_stem: name of the downloaded files, without ending."""
    steps = list(trajectory.get("steps", range(len(trajectory["sigmas"]))))
    view = st.session_state.get("player", {}).get("view", "clean")
    with st.container(horizontal=True, gap="small", horizontal_alignment="right"):
        chosen = _choose_steps(steps, trajectory["sigmas"])
        _show_downloads(trajectory, steps, chosen, view, file_stem)
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
            "Change of the predicted clean image since the column before: grey is no change. Small changes are shown "
            "with more contrast; the factor is in the column's head."
        )


def _choose_steps(steps: Sequence[int], sigmas: Sequence[float]) -> list[int]:
    """Frames shown as columns, ascending positions in `steps`."""
    by_noise = trajectory_images.steps_at_noise(sigmas)
    paper = trajectory_images.steps_at(trajectory_images.PAPER_PERCENT, steps[-1])
    in_paper = sorted({min(range(len(steps)), key=lambda index: abs(steps[index] - step)) for step in paper})
    key = f"steps_{steps[-1]}"
    with st.popover("Columns"):
        st.session_state.setdefault(key, by_noise)
        chosen = st.pills(
            f"Steps, at most {MAX_COLUMNS}",
            range(len(steps)),
            selection_mode="multi",
            key=key,
            format_func=lambda index: str(steps[index]),
            persist_state="session",
        )
        for label, preset, columns, help_text in (
            (
                "By noise level",
                "noise_steps",
                by_noise,
                "Where the predicted image changes most: σ 20, 8, 4, 2, 1, 0.3",
            ),
            ("As in the paper", "paper_steps", in_paper, "0, 40, 80, 90, 96 and 100 % of the steps"),
        ):
            st.button(label, key=preset, on_click=st.session_state.update, args=({key: columns},), help=help_text)
    return sorted(chosen)[:MAX_COLUMNS]


def _show_downloads(
    trajectory: Trajectory, steps: Sequence[int], chosen: Sequence[int], view: str, file_stem: str
) -> None:
    sigmas, last = trajectory["sigmas"], steps[-1]

    def frames(positions):
        if view == "changed":
            return trajectory_images.step_changes(trajectory["clean"], positions)[0]
        return trajectory[view][positions]

    # Drawn at once, some 50 ms: what is drawn only on the click is lost when another run of the page ends meanwhile.
    headings = [
        f"{100 * steps[index] / last:.0f} %, step {steps[index]}\nsigma {sigmas[index]:.3g}" for index in chosen
    ]
    strip = encode_png(trajectory_images.draw_strip(frames(chosen), headings)) if chosen else b""
    file = f"{file_stem}_{VIEWS[view].replace(' ', '_')}"
    st.download_button(
        f"PNG strip, {VIEWS[view]}",
        strip,
        f"{file}.png",
        "image/png",
        key="strip_png",
        on_click="ignore",
        disabled=not chosen,
    )
    st.download_button(
        f"Animated GIF, {VIEWS[view]}",
        trajectory_images.draw_animation(
            frames(list(range(len(steps)))),
            [f"Step {step} of {last}, noise {sigma:.3g}" for step, sigma in zip(steps, sigmas, strict=True)],
            [class_name(key) for key in trajectory["classes"]],
        ),
        f"{file}.gif",
        "image/gif",
        key="film_gif",
        on_click="ignore",
    )
