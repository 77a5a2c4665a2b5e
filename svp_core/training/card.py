"""The card of a generator that a lab trained: what it saw, how, and what was measured with which n."""

from svp_core.particle_classes import class_by_key
from svp_core.training.checks import is_copying

_ENDS = {
    "done": "It ran to the end of its plan.",
    "copying": "It ended early, since it had begun to copy its training images.",
    "stopped": "It was stopped by hand.",
}
_CARD = """# {name}

Makes grey 64 x 64 tiles of {classes}. Trained in this lab on its own images, starting from {begun}.{note}

## Trained on

| class | training | held out |
|---|---|---|
{counts}

Held-out images were never trained on; config.json names them. Left out before: {near_copies:,} near-copies of other
images, and {left_out:,} that could not be read or had no class.

## How

- {steps:,} steps of {batch} images, each in all flips and quarter turns by chance, the classes equally often; learning
  rate {learning_rate:.2g}, {dropout:.0%} dropout, averaged weights.
- {ended}
- Kept is the checkpoint after step {best_step:,}: the smallest KID of those that passed the copy test.

## Measured

{judged}

| class | made | held out | KID (95 %) | KID of real to real | CT Z | copied |
|---|---|---|---|---|---|---|
{figures}

KID is the distance to the held-out tiles in the features of a fixed network, 0 is alike; beside it what real tiles of
this class have among one another (median, and what 5 % of the draws exceed). CT Z of -2 or less: the images lie closer
to the training tiles than held-out tiles do. That means copying where some of them are also like one single training
tile ("copied", beside the same share of held-out tiles), and otherwise that they are too smooth or too much alike.
{warning}"""


def write_card(name, facts):
    """Markdown. facts: the config of the run, as finish() makes it."""
    plan, best, fresh = facts["plan"], facts["measured"]["best"], facts["measured"]["fresh"]
    names = {key: class_by_key(key).name for key in facts["trained_on"]}
    judged = (
        "On new images, made after the checkpoint was chosen; the held-out tiles are those it was chosen by."
        if fresh
        else "By the check that chose this checkpoint, which flatters a little."
    )
    return _CARD.format(
        name=name,
        classes=", ".join(names.values()).lower(),
        begun=f"the generator `{facts['from']['name']}`" if facts["from"] else "random weights",
        note=f"\n\n{facts['note']}" if facts["note"] else "",
        counts="\n".join(
            f"| {names[key]} | {count:,} | {facts['held_out_counts'][key]:,} |"
            for key, count in facts["trained_on"].items()
        ),
        dropout=facts["generator"]["dropout"],
        batch=plan["batch"],
        learning_rate=plan["learning_rate"],
        **{fact: facts[fact] for fact in ("near_copies", "left_out", "steps", "best_step")},
        ended=_ENDS[facts["ended"]],
        judged=judged,
        warning=_warning(best, fresh),
        figures="\n".join(_row(names[key], found) for key, found in (fresh or best)["classes"].items()),
    )


def _warning(best, fresh):
    if is_copying(best):
        found = "No checkpoint passed the copy test"
    elif fresh and is_copying(fresh):
        found = "Its new images did not pass the copy test, although those of the checks did"
    else:
        return ""
    return f"\n**Copies.** {found}: treat its images like the training images themselves.\n"


def _row(name, found):
    (value, low, high), (median, most) = found["kid"], found["kid_floor"]
    return (
        f"| {name} | {found['made']:,} | {found['held_out']:,} | {value:.4f} ({low:.4f} to {high:.4f}) | "
        f"{median:.4f}, {most:.4f} | {found['ct_z']:+.1f} | {found['copied'][0]:.1%}, {found['copied'][2]:.1%} |"
    )
