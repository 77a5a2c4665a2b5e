"""What a "classify" job has found: counts, gallery by class, table, the unsure ones, the rejected ones."""

import json

import pandas as pd
import streamlit as st

from pages.parts.charts import QUIET, draw_confidence
from pages.parts.gallery import show_gallery
from pages.parts.words import DASH, class_name, percent, plain, shortened, some
from svp_core.workspace import jobs
from svp_core.workspace.tilefile import read_tiles

PER_PAGE = 200
FIRST_LOOK = 3  # lines of tiles of each class where all classes are shown
FIRST_TILES = 96  # enough for them in a wide window
AT_ONCE_BYTES = 50e6  # a larger table is read only when it is asked for
PER_LOOK = 36  # tiles that fit into those lines at 1280 px
LATEST = 48  # tiles shown while work is under way
ORDERS = {"Surest first": ("confidence", False), "Least sure first": ("confidence", True),
          "Largest first": ("ecd_px", False), "As offered": (None, True)}  # fmt: skip


def show_heading(job, start_anew):
    """What was classified with what, and the way to the next."""
    summary = _summary(job.id)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(plain(summary.get("title") or "Classification"))
        st.button("Classify something else", key="classify_anew", on_click=start_anew)
    if summary:
        scale = f"{summary['um_per_px']:.4g} µm per pixel" if summary["um_per_px"] else "sizes in pixels only"
        st.caption(plain(f"Named by {summary['weights']} · {scale} · {summary['source']}"))


def show_so_far(job):
    """Counts and the newest tiles of a job under way."""
    summary, folder = _summary(job.id), jobs.job_folder(job.id)
    if not summary:
        return
    _show_counts(summary)
    tiles = read_tiles(folder / "tiles.npy")[-LATEST:]
    show_gallery(tiles, key="so_far", alt="Read so far", lines=4)


def show(job):
    """All results of a job that has ended."""
    folder = jobs.job_folder(job.id)
    if not (folder / "results.csv").is_file() or not (summary := _summary(job.id)):
        return
    results = read_results(str(folder / "results.csv"), (folder / "results.csv").stat().st_mtime_ns)
    keys = [name.removeprefix("p_") for name in results.columns if name.startswith("p_")]
    named = results[results["status"] == "ok"].reset_index(drop=True)  # row k belongs to tile k
    tiles = read_tiles(folder / "tiles.npy")
    rejected = results[results["status"] == "rejected"]
    _show_counts(summary)
    table = folder / "results.csv"
    content = table.read_bytes() if table.stat().st_size < AT_ONCE_BYTES else table.read_bytes
    st.download_button("Download results.csv", content, table.name, "text/csv", key="csv", on_click="ignore")
    gallery, table, unsure, left_out = st.tabs(
        ["Gallery", "Table", "Unsure", "Rejected"], key="view", on_change="rerun", bind="query-params"
    )
    with gallery:
        if gallery.open:
            _show_by_class(named, tiles, keys)
    with table:
        if table.open:
            _show_table(results, keys)
    with unsure:
        if unsure.open:
            _show_unsure(named, tiles, keys)
    with left_out:
        if left_out.open:
            _show_rejected(rejected)


@st.cache_data(max_entries=4, show_spinner=False)
def read_results(path, changed):
    """Results table; what is empty in the file is missing. changed: when it was written; a new file is read anew."""
    return pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={"image": str, "reason": str, "given": str})


def _show_counts(summary):
    counts, total = summary["counts"], summary["named"]
    columns = st.columns(len(counts) + 1)
    for column, (key, count) in zip(columns, counts.items(), strict=False):
        column.metric(class_name(key), f"{count:,}", percent(count, total), delta_color="off", delta_arrow="off")
    offered = f"of {summary['offered']:,} offered"
    columns[-1].metric("Rejected", f"{summary['rejected']:,}", offered, delta_color="off", delta_arrow="off")


def _show_by_class(named, tiles, keys):
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        wanted = st.pills("Class", keys, format_func=class_name, key="gallery_class", persist_state="session")
        order = st.selectbox("Order", list(ORDERS), key="gallery_order", persist_state="session", width=200)
    column, ascending = ORDERS[order]
    ordered = named.sort_values(column, ascending=ascending, kind="stable") if column else named
    for key in [wanted] if wanted else keys:
        found = ordered[ordered["label"] == key]
        st.markdown(f"**{class_name(key)}** · {len(found):,}")
        if not len(found):
            st.caption("None.")
        elif wanted:
            pages = -(-len(found) // PER_PAGE)
            page = st.pagination(pages, key=f"page_{key}") if pages > 1 else 1
            _draw(found[(page - 1) * PER_PAGE : page * PER_PAGE], tiles, f"tiles_{key}")
        else:
            _draw(found[:FIRST_TILES], tiles, f"tiles_{key}", lines=FIRST_LOOK)
            if len(found) > PER_LOOK:
                st.caption("The first of them; choose the class above to see all.")


def _show_table(results, keys):
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        wanted = st.pills("Class", keys, selection_mode="multi", format_func=class_name, key="table_class")
        status = st.segmented_control("Status", ["ok", "rejected"], key="table_status")
    shown = results
    if wanted:
        shown = shown[shown["label"].isin(wanted)]
    if status:
        shown = shown[shown["status"] == status]
    st.caption(f"{len(shown):,} of {some(len(results), 'row')}")
    shown = shown.assign(
        image=shortened(shown["image"]), label=shown["label"].map(class_name, na_action="ignore"),
        given=shown["given"].map(class_name, na_action="ignore"),
    )  # fmt: skip
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    st.dataframe(
        shown, hide_index=True, height=520, key="results_table", alt="Results, one row a particle", placeholder=DASH,
        column_order=["image", "label", "confidence", "ecd_um", "ecd_px", "aspect_ratio", "circularity", "given",
                      "status", "reason"],
        column_config={
            "image": text("Image", pinned=True, width="medium"), "label": text("Class"),
            "confidence": number("Confidence", format="%.2f"), "ecd_um": number("ECD (µm)", format="%.2f"),
            "ecd_px": number("ECD (px)", format="%.1f"), "aspect_ratio": number("Aspect ratio", format="%.2f"),
            "circularity": number("Circularity", format="%.2f"), "given": text("Given by folder"),
            "status": text("Status"), "reason": text("Reason", width="large"),
        },
    )  # fmt: skip


def _show_unsure(named, tiles, keys):
    threshold = st.slider(
        "Unsure below a confidence of", 0.35, 0.99, 0.8, 0.01, key="unsure_below", persist_state="session", width=420
    )
    st.plotly_chart(draw_confidence(named, keys, threshold), config=QUIET, key="confidence", alt="Confidence by class")
    unsure = named[named["confidence"] < threshold].sort_values("confidence", kind="stable")
    st.markdown(f"**{some(len(unsure), 'particle')}** of {len(named):,} below {threshold:.2f}, least sure first")
    if len(unsure):
        shown = unsure[:PER_PAGE]
        captions = [f"{class_name(row.label)} {row.confidence:.2f}" for row in shown.itertuples()]
        _draw(shown, tiles, "tiles_unsure", captions=captions, show_px=112)
        if len(unsure) > PER_PAGE:
            st.caption(f"The first {PER_PAGE}; the table holds all.")


def _show_rejected(rejected):
    if not len(rejected):
        st.caption("Every offered item could be read.")
        return
    st.dataframe(
        rejected, hide_index=True, column_order=["image", "reason"], key="rejected_table", alt="Rejected items",
        column_config={"image": st.column_config.TextColumn("Item"),
                       "reason": st.column_config.TextColumn("Reason", width="large")},
    )  # fmt: skip


def _draw(rows, tiles, key, **how):
    found = rows.itertuples()
    words = [[f"{class_name(row.label)}, confidence {row.confidence:.2f}", _size(row), row.image] for row in found]
    show_gallery(tiles[rows.index.to_numpy()], key=key, alt=f"Particles, {len(rows):,}", words=words, **how)


def _size(row):
    if pd.notna(row.ecd_um):
        return f"ECD {row.ecd_um:.1f} µm"
    return f"ECD {row.ecd_px:.1f} px" if pd.notna(row.ecd_px) else "Not measurable"


def _summary(job_id):
    path = jobs.job_folder(job_id) / "summary.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}
