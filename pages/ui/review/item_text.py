"""What the desk says of each particle, and when it keeps the model's opinion to itself."""

import math

from pages.ui.shared.text import count_noun
from svp_core.display import label_text
from svp_core.review.batches import is_hidden, size_column
from svp_core.review.current_labels import COMPARISON_PURPOSES, NOT_A_CLASS

NEIGHBOURS = 10
SHAPE = {"aspect_ratio": "aspect ratio", "circularity": "circularity"}  # said besides the size, where it is known


def pair_text(pair):
    """ "Protein → Air bubble"; the label alone where nothing else is suggested."""
    given, suggested = pair
    return f"{label_text(given)} → {label_text(suggested)}" if suggested not in ("", given) else label_text(given)


def batch_title(page):
    """What these particles have in common."""
    if set(page.purposes) == {"audit"}:
        return "Drawn at random"
    if set(page.purposes) == {"settle"}:
        return "Two answers each"
    words = f"{pair_text(page.pair)}" if page.pair else "Mixed"
    moved = f" · {page.moved_up:,} moved up" if page.moved_up else ""
    return f"{words} · {'once more, ' if page.again else ''}{count_noun(len(page.particles), 'particle')}{moved}"


def items_of(review, standing, page):
    """The page's particles as deciding.batch_of takes them."""
    table = review.table
    chances = [name for name in table if name.startswith("p_")]
    size = size_column(table)
    columns = {
        name: table[name].array
        for name in (*chances, *SHAPE, "suggested", "reason", "run", "score", size)
        if name in table
    }
    items = []
    for particle, purpose in zip(page.particles, page.purposes, strict=True):
        position = review.place[particle]
        known = {name: values[position] for name, values in columns.items()}
        given = review.given(particle)
        if page.again and purpose == "queue" and (label := standing.label(particle)) not in NOT_A_CLASS:
            given = label
        hidden = purpose in (*COMPARISON_PURPOSES, "audit") or is_hidden(review, particle, blind=page.blind)
        suggested = "" if hidden or known.get("suggested") == given else known.get("suggested", "")
        probabilities = (
            []
            if hidden
            else [(name.removeprefix("p_"), float(known[name])) for name in chances if known[name] == known[name]]
        )
        first = _label_in_words(given, suggested, known.get("score"))
        if review.by_machine and given == review.given(particle) and given in dict(probabilities):
            first = _naming_in_words(given, probabilities)
        items.append(
            {
                "id": particle,
                "given": given,
                "suggested": suggested,
                "hidden": hidden,
                "probabilities": probabilities,
                "words": [first, *_more_words(particle, known, size, hidden, standing, page)],
                "purpose": purpose,
                "again": page.again,
                "decided": None,
                "neighbours": [],
            }
        )
    return items


def with_neighbours(review, standing, items, places, likeness):
    """Give these items their neighbours, labelled as they are now; returns the positions in the queue of all of them.

    places: the items' own positions.
    """
    names, beside = review.table["particle"].array, {}
    for item, position in zip(items, places, strict=True):
        for near in likeness.nearest[position][:NEIGHBOURS]:
            if near >= 0:
                place = beside.setdefault(int(near), len(beside))
                item["neighbours"].append((place, standing.label(names[near])))
    return list(beside)


def _label_in_words(given, suggested, score):
    words = f"Labelled {label_text(given).lower()}." if given else "Unlabelled."
    if suggested:
        doubt = f" Label quality {score:.2f}." if isinstance(score, float) and math.isfinite(score) else ""
        words += f" Suggested: {label_text(suggested).lower()}.{doubt}"
    return words


def _naming_in_words(named, probabilities):
    """How sure the classifier is of the name that it gave itself, and what it held for likely besides."""
    chances = dict(probabilities)
    words = f"Named {label_text(named).lower()} by the classifier, {chances.pop(named):.2f}"
    if chances:
        other = max(chances, key=chances.get)
        words += f"; next {label_text(other).lower()} {chances[other]:.2f}"
    return f"{words}."


def _more_words(particle, known, size, hidden, standing, page):
    lines = []
    if not hidden and known.get("reason"):
        lines.append(known["reason"])
    if page.again and "settle" in page.purposes:
        answers = standing.disagreements().get(particle, ())
        lines += [f"{answer.reviewer}: {label_text(answer.to_label)}" for answer in answers]
    elif page.again and (decision := standing.decided.get(particle)):
        lines.append(f"{decision.reviewer} decided: {label_text(decision.to_label)}.")
    facts = []
    if size and math.isfinite(known[size]):
        facts.append(f"ECD {known[size]:.1f} {'µm' if size.endswith('_um') else 'px'}")
    facts += [f"{words} {known[name]:.2f}" for name, words in SHAPE.items() if math.isfinite(known.get(name, math.nan))]
    if known.get("run"):
        facts.append(known["run"])
    return [*lines, " · ".join([*facts, particle])]
