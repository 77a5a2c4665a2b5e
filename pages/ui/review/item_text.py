"""Texts about each particle in the annotation view, and when the model's suggestion is hidden."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from svp_core.display import count_noun, label_text
from svp_core.review.batches import Batch, is_hidden, size_column
from svp_core.review.current_labels import COMPARISON_PURPOSES, NOT_A_CLASS, CurrentLabels
from svp_core.review.embedding_store import ReviewEmbedding
from svp_core.review.store import Review

NEIGHBOURS = 10
SHAPE_NAMES = {"aspect_ratio": "aspect ratio", "circularity": "circularity"}  # shown after the size, where known


def pair_text(pair: Sequence[str]) -> str:
    """ "Protein → Air bubble"; the label alone where nothing else is suggested."""
    given, suggested = pair
    return f"{label_text(given)} → {label_text(suggested)}" if suggested not in ("", given) else label_text(given)


def batch_title(batch: Batch) -> str:
    """Heading of a batch: what its particles have in common."""
    if set(batch.purposes) == {"audit"}:
        return "Random check"
    if set(batch.purposes) == {"settle"}:
        return "Two different answers"
    pair = pair_text(batch.pair) if batch.pair else "Several labels"
    moved = f" · {batch.moved_up:,} moved up" if batch.moved_up else ""
    return f"{pair} · {'again, ' if batch.again else ''}{count_noun(len(batch.particles), 'particle')}{moved}"


def items_of(review: Review, current: CurrentLabels, batch: Batch) -> list[dict[str, Any]]:
    """The batch's particles as annotation_grid.batch_data takes them."""
    table = review.table
    probability_columns = [name for name in table if name.startswith("p_")]
    size = size_column(table)
    wanted = [*probability_columns, *SHAPE_NAMES, "suggested", "reason", "run", "score", *([size] if size else [])]
    columns = {name: table[name].array for name in wanted if name in table}
    items = []
    for particle, purpose in zip(batch.particles, batch.purposes, strict=True):
        position = review.positions[particle]
        fields = {name: values[position] for name, values in columns.items()}
        given = review.given(particle)
        if batch.again and purpose == "queue" and (label := current.label(particle)) not in NOT_A_CLASS:
            given = label
        hidden = purpose in (*COMPARISON_PURPOSES, "audit") or is_hidden(review, particle, blind=batch.blind)
        suggested = "" if hidden or fields.get("suggested") == given else fields.get("suggested", "")
        probabilities = []
        if not hidden:
            known = [name for name in probability_columns if not math.isnan(fields[name])]
            probabilities = [(name.removeprefix("p_"), float(fields[name])) for name in known]
        if review.has_model_labels and given == review.given(particle) and given in dict(probabilities):
            headline = _prediction_text(given, probabilities)
        else:
            headline = _label_line(given, suggested, fields.get("score"))
        items.append(
            {
                "id": particle,
                "given": given,
                "suggested": suggested,
                "hidden": hidden,
                "probabilities": probabilities,
                "lines": [headline, *_more_lines(particle, fields, size, hidden, current, batch)],
                "purpose": purpose,
                "again": batch.again,
                "decided": None,
                "neighbours": [],
            }
        )
    return items


def add_neighbours(
    review: Review,
    current: CurrentLabels,
    items: Sequence[dict[str, Any]],
    positions: Sequence[int],
    embedding: ReviewEmbedding,
) -> list[int]:
    """Add their nearest neighbours with current labels to these items; returns the positions of all neighbours.

    positions: the items' own positions in the queue.
    """
    names, indices = review.table["particle"].array, {}
    for item, position in zip(items, positions, strict=True):
        for neighbour in embedding.neighbours[position][:NEIGHBOURS]:
            if neighbour >= 0:
                index = indices.setdefault(int(neighbour), len(indices))
                item["neighbours"].append((index, current.label(names[neighbour])))
    return list(indices)


def _label_line(given: str, suggested: str, score: float | None) -> str:
    line = f"Labelled {label_text(given).lower()}." if given else "Unlabelled."
    if suggested:
        quality = (
            f" Label quality {score:.2f} (0: surely wrong, 1: surely right)."
            if isinstance(score, float) and math.isfinite(score)
            else ""
        )
        line += f" Suggested: {label_text(suggested).lower()}.{quality}"
    return line


def _prediction_text(predicted: str, probabilities: Sequence[tuple[str, float]]) -> str:
    """The classifier's own prediction with its probability, and the second most probable class."""
    others = dict(probabilities)
    line = f"Classified as {label_text(predicted).lower()}, probability {others.pop(predicted):.2f}"
    if others:
        second = max(others, key=lambda key: others[key])
        line += f"; next {label_text(second).lower()} {others[second]:.2f}"
    return f"{line}."


def _more_lines(
    particle: str, fields: Mapping[str, Any], size: str | None, hidden: bool, current: CurrentLabels, batch: Batch
) -> list[str]:
    lines = []
    if not hidden and fields.get("reason"):
        lines.append(fields["reason"])
    if batch.again and "settle" in batch.purposes:
        answers = current.disagreements().get(particle, ())
        lines += [f"{answer.reviewer}: {label_text(answer.to_label)}" for answer in answers]
    elif batch.again and (decision := current.decided.get(particle)):
        lines.append(f"{decision.reviewer} decided: {label_text(decision.to_label)}.")
    measures = []
    if size and math.isfinite(fields[size]):
        measures.append(f"ECD {fields[size]:.1f} {'µm' if size.endswith('_um') else 'px'}")
    measures += [
        f"{text} {fields[name]:.2f}" for name, text in SHAPE_NAMES.items() if math.isfinite(fields.get(name, math.nan))
    ]
    if fields.get("run"):
        measures.append(fields["run"])
    return [*lines, " · ".join([*measures, particle])]
