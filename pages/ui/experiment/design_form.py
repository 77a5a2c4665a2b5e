"""The design of an experiment: preset, arms, networks, seeds, baseline, mixture; and how long it may take."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from svp_core.display import class_name, escape_markdown, format_duration
from svp_core.experiment.additions import possible_sources
from svp_core.experiment.design import (
    DIFFUSION,
    FEATURE_NETWORKS,
    FINE_TUNED,
    MAX_SEEDS,
    MIN_SEEDS,
    NETWORK_TITLES,
    NETWORKS,
    PRESETS,
    SHIPPED,
    SIMULATOR,
    SOURCE_TITLES,
    SOURCES,
    Arm,
    Design,
    parse_arm,
    stated_prevalence,
)
from svp_core.experiment.stored import design_as_config, design_from_config
from svp_core.workspace import jobs

# Seconds of one core without a GPU: a step of 64 tiles; a cell by features; an image in a generator's training; a tile
# generated; a tile simulated.
STEP_S = {"resnet18": 0.35, "resnet50": 1.3}
FOREST_S, IMAGE_S, TILE_S, SIMULATED_S = 4.0, 0.04, 0.2, 0.09
PUBLISHED = "as-published"
ARM_HELP = (
    "Write an arm of your own: sources:dose, such as classical+shipped:1000; @100 behind it limits the real tiles of "
    "each minority class, /size or /confusion adds only where the classifier is weak."
)


def choose_design(counts: Mapping[str, int], dose: int, minority: Sequence[str]) -> dict[str, Any]:
    """The chosen design, JSON-ready. Raises LabError where it cannot be carried out."""
    preset = st.segmented_control(
        "Preset",
        list(PRESETS),
        default="quick",
        required=True,
        format_func=lambda name: name.replace("-", " ").capitalize(),
        key="experiment_preset",
        persist_state="session",
        help="Quick: 3 seeds, ResNet-18, at most 1,000 and 200 particles a class. As published: ResNet-18 and -50, 5 "
        "seeds, doses to 5,000; for a GPU. Feature forest: random forest and logistic regression, minutes.",
    )
    start = PRESETS[preset]
    arms = _choose_arms(start, preset, dose, minority)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        networks = st.pills(
            "Networks",
            NETWORKS,
            selection_mode="multi",
            default=list(start.networks),
            format_func=lambda name: _capital(NETWORK_TITLES[name]),
            key=f"experiment_networks_{preset}",
            persist_state="session",
        )
        seeds = st.number_input(
            "Seeds",
            MIN_SEEDS,
            MAX_SEEDS,
            start.seeds,
            key=f"experiment_seeds_{preset}",
            persist_state="session",
            width=110,
        )
        baseline = st.selectbox(
            "Compare with",
            arms,
            index=arms.index(start.baseline) if start.baseline in arms else 0,
            format_func=_title,
            key=f"experiment_baseline_{'_'.join(arms)}"[:200],
            width=200,
        )
    stated = _choose_mixture(counts, minority)
    design = replace(
        start,
        arms=arms,
        networks=tuple(name for name in NETWORKS if name in networks),
        seeds=int(seeds),
        baseline=baseline or "",
        minority=tuple(minority),
        prevalence=stated,
    )
    design.check()
    return design_as_config(design)


def _choose_arms(start: Design, preset: str, dose: int, minority: Sequence[str]) -> tuple[str, ...]:
    """Keys of the chosen arms. Raises LabError for one that does not exist."""
    possible = possible_sources(minority)
    # The published preset keeps the doses of its curves.
    arms = start.parsed() if preset == PUBLISHED else [_with_dose(arm, dose) for arm in start.parsed()]
    default = [arm.key for arm in arms if set(arm.sources) <= set(possible)]
    offered = [text for text in [*default, *_offered(dose)] if set(parse_arm(text).sources) <= set(possible)]
    if missing := [SOURCE_TITLES[source] for source in SOURCES if source not in possible]:
        st.caption(f"Arms with {' and '.join(missing)} are left out: they make none of these classes.")
    key = f"experiment_arms_{preset}_{dose}_{'_'.join(minority)}"[:200]
    texts = st.multiselect(
        "Arms",
        list(dict.fromkeys([*offered, *st.session_state.get(key, [])])),
        default=list(dict.fromkeys(default)),
        format_func=_title,
        accept_new_options=True,
        key=key,
        persist_state="session",
        help=ARM_HELP,
    )
    return tuple(dict.fromkeys(parse_arm(text).key for text in texts))


def show_cost(design: Mapping[str, Any], counts: Mapping[str, int]) -> None:
    """Number of trainings, and about how long they take on this computer."""
    chosen = design_from_config(design)
    cells = chosen.seeds * len(chosen.networks) * len(chosen.arms)
    seconds = _seconds(chosen)
    st.caption(
        escape_markdown(
            f"{cells:,} trainings. About {format_duration(seconds / max(1, jobs.threads()))} on the cores that a job "
            "here may use; much less with a GPU. It can be paused and resumed."
        )
    )
    cut = [
        class_name(key).lower()
        for key, count in counts.items()
        if (most := chosen.most_minority if key in chosen.minority else chosen.most) and count > most
    ]
    if cut:
        st.caption(f"The preset takes a part of {', '.join(cut)}, drawn at random.")


def _seconds(design: Design) -> float:
    total = 0.0
    arms = design.parsed()
    for network in design.networks:
        each = FOREST_S if network in FEATURE_NETWORKS else STEP_S[network] * design.steps
        total += each * len(arms)
    classes = len(design.minority)
    for source in SOURCES:
        amounts = {design.pool_real(arm, source) for arm in arms if source in arm.sources}
        for real in amounts:
            tiles = classes * design.needs(source, real)
            trained = design.generator_images * IMAGE_S if source in (DIFFUSION, FINE_TUNED) else 0
            each = {SIMULATOR: SIMULATED_S}.get(source, TILE_S if source in (DIFFUSION, FINE_TUNED, SHIPPED) else 0.003)
            total += trained + tiles * each
    return total * design.seeds


def _choose_mixture(counts: Mapping[str, int], minority: Sequence[str]) -> dict[str, float]:
    default = stated_prevalence(Design(), tuple(counts), minority)
    with st.expander("Stated mixture for the figures"):
        st.caption("Figures are given at the sample's own mixture, and at this one by weighting the test particles.")
        with st.container(horizontal=True, gap="small"):
            return {
                key: float(
                    st.number_input(
                        class_name(key),
                        min_value=0.0,
                        value=default[key],
                        step=500.0,
                        format="%g",
                        key=f"experiment_mix_{key}_{'_'.join(counts)}"[:200],
                        persist_state="session",
                        width=170,
                    )
                )
                for key in counts
            }


def _with_dose(arm: Arm, dose: int) -> Arm:
    return replace(arm, dose=dose) if arm.sources else arm


def _offered(dose: int) -> list[str]:
    own = [f"{source}:{dose}" for source in SOURCES]
    weak = [f"{FINE_TUNED}:{dose}/size", f"{SHIPPED}:{dose}/confusion"]
    return ["real", "weights", "oversampling", *own, f"classical+{SHIPPED}:{dose}", f"{SHIPPED}:{dose}@100", *weak]


def _title(text: str) -> str:
    from svp_core.errors import LabError

    try:
        return _capital(parse_arm(text).title)
    except LabError:
        return text


def _capital(title: str) -> str:
    return title[:1].upper() + title[1:]
