"""Blind test on the page: 20 real and 20 generated particles, shuffled; score, results by reviewer, export."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from pages.ui.shared import generator_form
from pages.ui.shared.person_form import ask_person, require_reviewer
from pages.ui.shared.times import format_iso
from svp_core.access.person import current_person
from svp_core.display import class_name, truncate
from svp_core.errors import LabError
from svp_core.images import contact_sheet
from svp_core.stats.blind_test import TILES, BlindScore, BlindTile, draw_blind_test, score_blind_test
from svp_core.workspace import blind_tests, datasets

COLUMNS = 8
TILE_PX = 112  # on screen
STATE, RESULT = "blind_test", "blind_test_result"  # in the session: the test under way, the one just finished
MAX_NAME = 60


def show() -> None:
    """The test under way, or its form; below it the results of all reviewers."""
    if STATE in st.session_state:
        _show_test(st.session_state[STATE])
        return
    if result := st.session_state.get(RESULT):
        _show_result(result)
    _show_form()
    _show_results()


def _show_form() -> None:
    st.markdown(
        f"{TILES} real and {TILES} generated particles in random order: mark those that you think are generated."
    )
    metas = {meta["id"]: meta for meta in datasets.list_datasets() if meta["classes"]}
    real = [key for key, meta in metas.items() if meta["kind"] != "synthetic"]
    generated = [key for key, meta in metas.items() if meta["kind"] == "synthetic"]
    if not real or not generated:
        st.caption(
            "A blind test needs a data set of real particles and one of generated particles of the same class: import "
            "the first on Train, generate the second on Synthesize and save it as a data set."
        )
        return

    def title(key: str) -> str:
        return f"{truncate(metas[key]['name'])} ({metas[key]['count']:,})"

    with generator_form.fields():
        real_id = st.selectbox("Real particles", real, format_func=title, key="blind_real", width=260)
        made_id = st.selectbox("Generated particles", generated, format_func=title, key="blind_generated", width=260)
        shared = [key for key in metas[real_id]["classes"] if key in metas[made_id]["classes"]]
        if shared:
            class_key = generator_form.choose_class(shared, "blind_class")
        seed = generator_form.seed_input("blind_seed", "Which particles are shown, and in which order.")
    if not shared:
        raise LabError("The two data sets have no class in common; choose others.")
    seed = generator_form.check_seed(seed)
    missing = "Enter your name, so that the result can be kept by reviewer."
    if current_person().is_signed_in:
        name = current_person().name if st.button("Start", type="primary", key="blind_start") else ""
    else:
        name = ask_person("blind", label="Your name", button="Start", missing=missing, max_length=MAX_NAME)
    if name:
        require_reviewer()
        counts = [metas[each]["classes"][class_key] for each in (real_id, made_id)]
        tiles = draw_blind_test(*counts, seed=seed)
        st.session_state[STATE] = {
            "reviewer": name, "class": class_key, "real": real_id, "generated": made_id, "seed": seed, "tiles": tiles,
        }  # fmt: skip
        st.session_state.pop(RESULT, None)
        st.rerun()


def _show_test(test: Mapping[str, Any]) -> None:
    pictures = _pictures(test["real"], test["generated"], test["class"], test["seed"], test["tiles"])
    st.caption(f"{class_name(test['class'])}: mark the particles that you think are generated.")
    with st.form("blind_answers", border=False):
        answers = []
        for start in range(0, len(pictures), COLUMNS):
            columns = st.columns(COLUMNS, gap="small")
            for column, (k, picture) in zip(columns, enumerate(pictures[start : start + COLUMNS], start), strict=False):
                with column:
                    st.image(picture, width=TILE_PX)
                    answers.append(st.checkbox("Generated", key=f"blind_answer_{k}"))
        finished = st.form_submit_button("Finish", type="primary", key="blind_finish")
    st.button("Stop without a result", key="blind_stop", type="tertiary", on_click=_stop)
    if finished:
        score = score_blind_test(test["tiles"], answers)
        result = _as_result(test, answers, score)
        blind_tests.save_blind_test(result)
        _stop()
        st.session_state[RESULT] = result
        st.session_state["blind_seed"] = float(test["seed"] + 1)  # the next test shows other particles
        st.rerun()


def _stop() -> None:
    st.session_state.pop(STATE, None)


def _as_result(test: Mapping[str, Any], answers: list[bool], score: BlindScore) -> dict[str, Any]:
    names = {meta["id"]: meta["name"] for meta in datasets.list_datasets()}
    marks = [
        ("g" if tile.is_generated else "r") + ("g" if answer else "r")
        for tile, answer in zip(test["tiles"], answers, strict=True)
    ]
    return {
        "reviewer": test["reviewer"],
        "class": test["class"],
        "real": names.get(test["real"], test["real"]),
        "generated": names.get(test["generated"], test["generated"]),
        "seed": test["seed"],
        "tiles": score.right.n,
        "right": round(score.right.value * score.right.n),
        "share": score.right.value,
        "low": score.right.low,
        "high": score.right.high,
        "p": score.p,
        "real_taken_for_generated": score.taken_for_generated[0],
        "generated_taken_for_generated": score.taken_for_generated[1],
        "answers": marks,
    }


def _show_result(result: Mapping[str, Any]) -> None:
    better = "better than a guess" if result["low"] > 0.5 else "not told from a guess at this number"
    st.info(
        f"**{result['right']} of {result['tiles']} right: {100 * result['share']:.0f} % ({100 * result['low']:.0f} to "
        f"{100 * result['high']:.0f}; a guess is 50 %), {better}.** You marked {result['real_taken_for_generated']} of "
        f"{TILES} real and {result['generated_taken_for_generated']} of {TILES} generated particles as generated."
    )


def _show_results() -> None:
    results = blind_tests.list_blind_tests()
    if not results:
        return
    st.markdown("**Results**")
    rows = [
        {
            "Finished": format_iso(result["finished"]),
            "Reviewer": result["reviewer"],
            "Class": class_name(result["class"]),
            "Generated": result["generated"],
            "Right": f"{result['right']} of {result['tiles']}",
            "Share (95 %)": f"{100 * result['share']:.0f} % ({100 * result['low']:.0f} to {100 * result['high']:.0f})",
        }
        for result in results
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="blind_results")
    st.download_button(
        "Download results", blind_tests.blind_tests_csv(), "blind tests.csv", "text/csv", key="blind_download"
    )


@st.cache_data(max_entries=4, show_spinner=False)
def _pictures(
    real_id: str, generated_id: str, class_key: str, seed: int, _tiles: tuple[BlindTile, ...]
) -> list[NDArray[np.uint8]]:
    del seed  # together with the data sets it decides which tiles these are
    sets = {False: datasets.open_dataset(real_id), True: datasets.open_dataset(generated_id)}
    rows = {kind: np.flatnonzero((each.table["class"] == class_key).to_numpy()) for kind, each in sets.items()}
    pictures = []
    for tile in _tiles:
        pixels = np.asarray(sets[tile.is_generated].tiles[rows[tile.is_generated][tile.position]])
        pictures.append(contact_sheet(pixels[None], columns=1, scale=2))
    return pictures
