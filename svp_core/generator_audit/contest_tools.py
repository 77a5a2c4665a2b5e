"""The tools of the contest ImageCLEFmedical GANs 2023 on the tiles of an audit, each beside the constant answer."""

from collections.abc import Generator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svp_core.audit.data_shift import equal_class_mix
from svp_core.audit.feature_attacks import FeatureAttack, svm_attack, ward_purity
from svp_core.audit.relation_network import relation_attack
from svp_core.embedding.features import fixed_features
from svp_core.errors import LabError
from svp_core.generator_audit.tiles import AuditTiles
from svp_core.progress import Progress

ALPHA = 0.05  # of the permutation test of Ward's clusters


def contest_figures(
    tiles: AuditTiles, generated: Mapping[str, NDArray[np.uint8]], *, seed: int = 0
) -> Generator[Progress, None, dict[str, Any]]:
    """Yield Progress, return figures by tool: relation_network and svm (auc, auc_floor, f1, constant_f1), ward (purity,
    constant_purity, p); found, whether it tells more than chance; or refused, the reason.

    Equally many tiles of each class from both sets, so that no tool can tell the sets by their mix of classes.
    """
    rows, other_rows = equal_class_mix(tiles.member_keys, tiles.held_out_keys, seed=seed)
    members, held_out = tiles.members[rows], tiles.held_out[other_rows]
    made = np.concatenate([generated[key] for key in tiles.class_keys if key in generated] or [members[:0]])
    figures: dict[str, Any] = {}
    try:
        attack = yield from relation_attack(members, held_out, made, seed=seed)
        figures["relation_network"] = _attack_figures(attack)
    except LabError as error:
        figures["relation_network"] = {"refused": str(error)}
    yield Progress(0, None, "Support vectors and clusters")
    features = fixed_features(members), fixed_features(held_out)
    if len(made):
        figures["svm"] = _attack_figures(svm_attack(features[0], features[1], fixed_features(made), seed=seed))
    else:
        figures["svm"] = {"refused": "No image was generated to compare with."}
    purity = ward_purity(features[0], features[1], seed=seed)
    figures["ward"] = {**asdict(purity), "sizes": list(purity.sizes), "found": purity.p < ALPHA}
    return figures


def _attack_figures(attack: FeatureAttack) -> dict[str, Any]:
    auc, floor = attack.test.auc, attack.test.auc_floor
    return {
        "auc": [auc.value, auc.low, auc.high],
        "auc_floor": list(floor),
        "f1": attack.f1,
        "constant_f1": attack.constant_f1,
        "found": bool(auc.low > floor[1]),
    }
