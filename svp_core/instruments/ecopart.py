"""Volumes of a UVP's profiles, from an export of EcoPart beside the EcoTaxa table: one row per profile and depth.

EcoTaxa tables of the UVP state the volume of one image, not how many there were; EcoPart's tables state the sampled
volume of every depth, in litres. Written according to the columns that public programs read; no export was available.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from svp_core.images import ImageUnreadable
from svp_core.instruments.records import ScannedFiles
from svp_core.instruments.text_tables import decode_text, header_keys, parse_number, parse_table

_PROFILE, _VOLUME = "profile", "sampled volume [l]"
SAMPLE_COLUMNS = ("sample_profileid", "sample_id", "samples_profileid", "samples_id")  # that name a profile


def _is_header(keys: AbstractSet[str]) -> bool:
    return _PROFILE in keys and _VOLUME in keys


def sampled_volumes(scanned: ScannedFiles) -> tuple[dict[str, float], dict[str, str]]:
    """({profile in lower case: mL sampled in all depths}, {profile: name of its file}) of these files."""
    volumes: dict[str, float] = {}
    origins: dict[str, str] = {}
    for name, head in scanned.heads.items():
        if not header_keys(head, _is_header):
            continue
        try:
            table = parse_table(decode_text(scanned.files.read(name)), _is_header)
        except ImageUnreadable:
            continue
        for line in table.lines:
            values = table.values(line)
            profile = (table.value(values, _PROFILE) or "").casefold()
            litres = parse_number(table.value(values, _VOLUME))
            # A profile in two files is the same export twice.
            if profile and litres and litres > 0 and origins.setdefault(profile, name) == name:
                volumes[profile] = volumes.get(profile, 0.0) + 1000 * litres
    return volumes, origins


def volume_of_samples(volumes: Mapping[str, float], samples: AbstractSet[str]) -> float | None:
    """mL sampled for objects of these samples, in lower case; None where that of any is not known."""
    known = [volumes.get(sample) for sample in samples]
    found = [volume for volume in known if volume is not None]
    return sum(found) if found and len(found) == len(known) else None
