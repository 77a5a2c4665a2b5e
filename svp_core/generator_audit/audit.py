"""Audit of a generator: data shift, membership by calibrated loss, copies, told apart, verdict.

The order matters: where training and held-out tiles can be told apart without the generator, the attack would measure
that difference, so membership is refused with the reason.
"""

from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.audit import copy_test, two_sample_auc
from svp_core.audit.data_shift import MIN_TILES, DataShift, data_shift, equal_class_mix
from svp_core.audit.membership import (
    MembershipTest,
    membership_scores,
    membership_test,
    roc_curve,
    standardised_by_class,
)
from svp_core.audit.nearest_tiles import TileIndex
from svp_core.errors import LabError
from svp_core.generator.denoising_error import DRAWS, SIGMAS, CleanEstimator, denoising_errors, noise_levels
from svp_core.generator_audit.contest_tools import contest_figures
from svp_core.generator_audit.tiles import AuditTiles
from svp_core.generator_audit.verdict import judge
from svp_core.near_duplicates import MAX_PIXEL_RMS
from svp_core.progress import Progress, uncounted
from svp_core.stats.intervals import Estimate

MOST_EXPOSED = 10  # members that are shown
ROC_POINTS = 400
# As in the checks of a training: nearer to training tiles than held-out ones are, and some near one of them alone.
Z_COPYING, SHARE_COPYING = -2.0, 0.01
SCORE_COLUMNS = ("image", "set", "class", "score", "standardised", "plain")


@dataclass(frozen=True)
class AuditResult:
    """An audit: report, JSON-ready; scores of single tiles; pictures of the most exposed members."""

    report: dict[str, Any]
    scores: list[tuple[Any, ...]]  # rows of SCORE_COLUMNS; none where membership was refused
    exposed: NDArray[np.uint8]  # (K, 64, 64) members with the highest scores
    nearest: NDArray[np.uint8]  # (K, 64, 64) generated tile nearest to each; black where none was generated


def audit_generator(
    generator: CleanEstimator,
    tiles: AuditTiles,
    *,
    reference: CleanEstimator | None,
    generated: Mapping[str, NDArray[np.uint8]],
    reference_name: str = "",
    contest_tools: bool = False,
    split_at_random: bool = False,
    seed: int = 0,
) -> Generator[Progress, None, AuditResult]:
    """Audit a generator with its weights; yields Progress, returns an AuditResult.

    reference: a generator that saw none of these tiles, best the one that training started from; None: the attack is
    weak. generated: class key -> its tiles, uint8 (N, 64, 64), for the search for copies; may be empty. contest_tools:
    see contest_tools.contest_figures; they take minutes. split_at_random: it is known that both sets were split at
    random before the training; then a difference between them is chance, and is no reason to refuse.
    The report: seed, sigmas, draws, classes, n_members, n_held_out, notes; reference, its name or None; data_shift;
    refused, the reason why there is no membership, or None; membership (auc, auc_floor, caught, n_members, n_held_out,
    roc, plain: the same without reference, classes: the same by class) or None; exposed; copies by class; told_apart
    (auc, n, real_to_real) or None; contest, figures or None; verdict (level, headline, sentences). Estimates are lists
    (value, low, high).
    """
    total = 2 * (len(tiles.members) + len(tiles.held_out))
    yield Progress(0, total, "Comparing training and held-out tiles without the generator")
    shift = _shift(tiles, seed)
    report = _report_head(tiles, seed, shift)
    report["reference"] = (reference_name or "another generator") if reference is not None else None
    membership, scores, order = None, [], np.zeros(0, int)
    if shift.reason and not split_at_random:
        report["refused"] = (
            f"Membership cannot be measured with these tiles: {shift.reason}. Give held-out tiles of the same source "
            "as the training tiles, split at random before the training."
        )
    else:
        report["refused"] = None
        errors = yield from _errors(generator, tiles, seed, 0, total, "Denoising with the generator")
        others = None
        if reference is not None:
            others = yield from _errors(reference, tiles, seed, total // 2, total, "Denoising with the reference")
        membership, scores, order = _membership(tiles, errors, others, seed)
    report["membership"] = membership
    yield Progress(total, total, "Searching for copies")
    report |= _image_figures(tiles, generated, shift, seed)
    exposed, nearest, report["exposed"] = _exposed(tiles, scores, order[:MOST_EXPOSED], generated)
    report["contest"] = None
    if contest_tools:
        report["contest"] = yield from uncounted(contest_figures(tiles, generated, seed=seed), step=total, total=total)
    report["verdict"] = asdict(judge(report))
    return AuditResult(report, scores, exposed, nearest)


def audit_images(
    tiles: AuditTiles, generated: Mapping[str, NDArray[np.uint8]], *, seed: int = 0
) -> Generator[Progress, None, AuditResult]:
    """Audit generated images alone, without the generator's weights: copies and told apart; arguments as above.

    Images show copying, not membership, so there is no figure of membership. Raises LabError where none of the
    generated classes has real tiles.
    """
    if not set(generated) & set(tiles.class_keys):
        raise LabError(
            f"The generated images have the classes {', '.join(sorted(generated))}, the real tiles "
            f"{', '.join(tiles.class_keys)}; give the same class in both."
        )
    yield Progress(0, 2, "Comparing training and held-out tiles")
    shift = _shift(tiles, seed)
    report = _report_head(tiles, seed, shift) | {"reference": None, "membership": None, "exposed": [], "contest": None}
    report["refused"] = (
        "Only images were given, without the generator's weights: they show whether training tiles are copied, not "
        "whether a tile was trained on."
    )
    yield Progress(1, 2, "Searching for copies")
    report |= _image_figures(tiles, generated, shift, seed)
    report["verdict"] = asdict(judge(report))
    none = np.zeros((0, 64, 64), np.uint8)
    return AuditResult(report, [], none, none)


def _shift(tiles: AuditTiles, seed: int) -> DataShift:
    return data_shift(
        tiles.members,
        tiles.held_out,
        member_classes=tiles.member_keys,
        held_out_classes=tiles.held_out_keys,
        seed=seed,
    )


def _report_head(tiles: AuditTiles, seed: int, shift: DataShift) -> dict[str, Any]:
    return {
        "seed": seed,
        "sigmas": list(SIGMAS),
        "draws": DRAWS,
        "classes": {
            key: {
                "n_members": int((tiles.member_keys == key).sum()),
                "n_held_out": int((tiles.held_out_keys == key).sum()),
            }
            for key in tiles.class_keys
        },
        "n_members": len(tiles.members),
        "n_held_out": len(tiles.held_out),
        "notes": list(tiles.notes),
        "data_shift": {
            "network": _triple(shift.network),
            "levels": [asdict(level) for level in shift.levels],
            "reason": shift.reason,
        },
    }


def _errors(
    generator: CleanEstimator, tiles: AuditTiles, seed: int, done: int, total: int, message: str
) -> Generator[Progress, None, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Denoising errors of (members, held-out tiles)."""
    everything = np.concatenate([tiles.members, tiles.held_out])
    keys = [*tiles.member_keys, *tiles.held_out_keys]
    steps = denoising_errors(generator, everything, keys, sigmas=noise_levels(everything), seed=seed)
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            return end.value[: len(tiles.members)], end.value[len(tiles.members) :]
        yield Progress(done + progress.step, total, message)


def _membership(tiles, errors, others, seed) -> tuple[dict[str, Any], list[tuple[Any, ...]], NDArray[np.int64]]:
    """(figures of membership, rows of scores, members with the highest scores first)."""
    plain = [membership_scores(part) for part in errors]
    raw = plain if others is None else [membership_scores(*pair) for pair in zip(errors, others, strict=True)]
    classes = {"member_classes": tiles.member_keys, "held_out_classes": tiles.held_out_keys}
    standard = standardised_by_class(raw[0], raw[1], tiles.member_keys, tiles.held_out_keys)
    figures = _test_figures(membership_test(*standard, **classes, seed=seed))
    false_alarms, caught = roc_curve(*standard, **classes)
    points = np.unique(np.geomspace(1, len(caught), ROC_POINTS).astype(int) - 1)
    figures["roc"] = {
        "false_alarms": false_alarms[points].round(6).tolist(),
        "caught": caught[points].round(6).tolist(),
    }
    without = standardised_by_class(plain[0], plain[1], tiles.member_keys, tiles.held_out_keys)
    figures["plain"] = _test_figures(membership_test(*without, **classes, seed=seed))
    figures["classes"] = {
        key: _test_figures(
            membership_test(raw[0][tiles.member_keys == key], raw[1][tiles.held_out_keys == key], seed=seed)
        )
        for key in tiles.class_keys
    }
    rows = []
    sets = ("training", tiles.member_names, tiles.member_keys), ("held out", tiles.held_out_names, tiles.held_out_keys)
    for k, (name, images, keys) in enumerate(sets):
        for image, key, *numbers in zip(images, keys, raw[k], standard[k], plain[k], strict=True):
            rows.append((image, name, key, *(round(float(number), 6) for number in numbers)))
    return figures, rows, np.argsort(-standard[0], kind="stable")


def _test_figures(test: MembershipTest) -> dict[str, Any]:
    return {
        "auc": _triple(test.auc),
        "auc_floor": list(test.auc_floor),
        "caught": [
            {"false_alarms": each.false_alarms, "share": _triple(each.share), "floor": list(each.floor)}
            for each in test.caught
        ],
        "n_members": test.n_members,
        "n_held_out": test.n_held_out,
    }


def _image_figures(
    tiles: AuditTiles, generated: Mapping[str, NDArray[np.uint8]], shift: DataShift, seed: int
) -> dict[str, Any]:
    """Copies by class, and told apart over all of them, as far as there are generated tiles."""
    copies = {}
    for key in tiles.class_keys:
        made = generated.get(key)
        if made is None or not len(made):
            continue
        members, held_out = tiles.members[tiles.member_keys == key], tiles.held_out[tiles.held_out_keys == key]
        try:
            result = copy_test(synthetic=made, training=members, held_out=held_out, seed=seed)
        except LabError:
            continue  # the training tiles of this class all show the same picture
        identical = sum(pair.distance <= MAX_PIXEL_RMS and pair.ratio < 1 / 3 for pair in result.closest)
        nearer = result.ct_z <= Z_COPYING and result.ct_z < result.ct_z_unseen + Z_COPYING
        copies[key] = {
            "n": result.n,
            "ct_z": result.ct_z,
            "ct_z_unseen": result.ct_z_unseen,
            "near_one": _triple(result.ratio),
            "held_out_near_one": _triple(result.held_out_ratio),
            "authentic": result.auth_pct / 100,
            "held_out_authentic": result.held_out_auth_pct / 100,
            "identical": int(identical),
            "copies": bool(identical or (nearer and result.ratio.low > result.held_out_ratio.value + SHARE_COPYING)),
        }
    return {"copies": copies, "told_apart": _told_apart(tiles, generated, shift, seed)}


def _told_apart(
    tiles: AuditTiles, generated: Mapping[str, NDArray[np.uint8]], shift: DataShift, seed: int
) -> dict[str, Any] | None:
    """AUC of a network that tells generated from held-out tiles, beside that of training from held-out ones."""
    keys = [key for key in tiles.class_keys if key in generated and len(generated[key])]
    if not keys:
        return None
    made = np.concatenate([generated[key] for key in keys])
    made_keys = np.repeat(np.array(keys, object), [len(generated[key]) for key in keys])
    rows, held_out_rows = equal_class_mix(made_keys, tiles.held_out_keys, seed=seed)
    if len(rows) < MIN_TILES:
        return None
    auc = two_sample_auc(real=tiles.held_out[held_out_rows], synthetic=made[rows], seed=seed)
    return {"auc": _triple(auc), "n": auc.n, "real_to_real": _triple(shift.network)}


def _exposed(tiles, scores, order, generated):
    """(members, generated tiles nearest to them, rows) of the members with the highest scores."""
    members = tiles.members[order]
    nearest, rows = np.zeros_like(members), []
    for k, member in enumerate(order):
        key = tiles.member_keys[member]
        made, distance = generated.get(key), None
        if made is not None and len(made):
            positions, distances = TileIndex(made).nearest(tiles.members[member : member + 1])
            nearest[k], distance = made[positions[0, 0]], float(distances[0, 0])
        rows.append(
            {"image": tiles.member_names[member], "class": key, "score": scores[member][4], "distance": distance}
        )
    return members, nearest, rows


def _triple(estimate: Estimate | None) -> list[float] | None:
    return None if estimate is None else [float(estimate.value), float(estimate.low), float(estimate.high)]
