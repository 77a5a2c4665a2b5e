"""Model card of a generator trained by a lab: its data, its training, and the measured figures with their n."""

from collections.abc import Mapping
from typing import Any

from svp_core.generator_audit.model_verdict import audit_text
from svp_core.particle_classes import class_by_key
from svp_core.training.checks import is_copying
from svp_core.training.training_log import ENDINGS

COPY_WARNING = "**Copies.**"  # opens the paragraph of a card whose images copy training images
_CARD = """# {name}

Generates grey 64 x 64 tiles of {classes}. Trained in this lab on its own images, starting from {base}.{note}

## Training data

| class | training | held out |
|---|---|---|
{counts}

Held-out images were never trained on; config.json lists them. Excluded before: {near_copies:,} near-copies of other
images, and {left_out:,} that could not be read or had no class.

## Training

- {steps:,} steps of {batch} images, in random flips and quarter turns, all classes equally often; learning rate
  {learning_rate:.2g}, {dropout:.0%} dropout, averaged weights (EMA).
- {ended}
- The checkpoint after step {best_step:,} was kept: the smallest KID of those that passed the copy test.

## Measured

{evaluated}

| class | generated | held out | KID (95 %) | KID of real to real | CT Z | copied |
|---|---|---|---|---|---|---|
{figures}

KID is the distance to the held-out tiles in the features of a fixed network; 0 means no difference. Next to it: KID
between two sets of real tiles of this class (median, and the 95th percentile of the draws). CT Z of -2 or less: the
images lie closer to the training tiles than held-out tiles do. That means copying where some of them also resemble one
single training tile ("copied", with the same share of held-out tiles), and otherwise that they are too smooth or too
similar to one another.
{warning}
## Audit

{audit}
"""


def write_card(name: str, facts: Mapping[str, Any]) -> str:
    """Model card in Markdown. facts: the content of the model's config.json, as finalise() makes it."""
    plan, best, fresh = facts["plan"], facts["measured"]["best"], facts["measured"]["fresh"]
    names = {key: class_by_key(key).name for key in facts["trained_on"]}
    evaluated = (
        "On new images, generated after the checkpoint was selected; the held-out tiles are those it was selected by."
        if fresh
        else "By the check that selected this checkpoint, so the figures are slightly optimistic."
    )
    return _CARD.format(
        name=name,
        classes=", ".join(names.values()).lower(),
        base=f"the generator `{facts['from']['name']}`" if facts["from"] else "random weights",
        note=f"\n\n{facts['note']}" if facts["note"] else "",
        counts="\n".join(
            f"| {names[key]} | {count:,} | {facts['held_out_counts'][key]:,} |"
            for key, count in facts["trained_on"].items()
        ),
        dropout=facts["generator"]["dropout"],
        batch=plan["batch"],
        learning_rate=plan["learning_rate"],
        **{fact: facts[fact] for fact in ("near_copies", "left_out", "steps", "best_step")},
        ended=ENDINGS[facts["ended"]],
        evaluated=evaluated,
        warning=_warning(best, fresh),
        audit=audit_text(facts.get("audit")),
        figures="\n".join(_row(names[key], figures) for key, figures in (fresh or best)["classes"].items()),
    )


def _warning(best, fresh):
    if is_copying(best):
        reason = "No checkpoint passed the copy test"
    elif fresh and is_copying(fresh):
        reason = "Its new images did not pass the copy test, although those of the checks did"
    else:
        return ""
    return f"\n{COPY_WARNING} {reason}: treat its images like the training images themselves.\n"


def _row(name, figures):
    (value, low, high), (median, most) = figures["kid"], figures["kid_floor"]
    return (
        f"| {name} | {figures['made']:,} | {figures['held_out']:,} | {value:.4f} ({low:.4f} to {high:.4f}) | "
        f"{median:.4f}, {most:.4f} | {figures['ct_z']:+.1f} | {figures['copied'][0]:.1%}, {figures['copied'][2]:.1%} |"
    )
