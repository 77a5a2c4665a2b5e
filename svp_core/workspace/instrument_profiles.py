"""Instrument profiles of this workspace: rows of the database, one per instrument and magnification."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from svp_core.access.person import KEEPER, REVIEWER
from svp_core.errors import LabError
from svp_core.profiles.profile import (
    InstrumentProfile,
    check_name,
    default_name,
    from_content,
    from_json,
    to_json,
)
from svp_core.workspace.changes import INSTRUMENT, change
from svp_core.workspace.database import engine
from svp_core.workspace.database import instrument_profile as row
from svp_core.workspace.paths import remove_folder, workspace_folder, workspace_root

PARTS = ("conditions", "size_standard", "validation")  # fields that update_profile replaces


def list_profiles() -> list[InstrumentProfile]:
    """All profiles, the oldest first; damaged ones are left out."""
    with engine().connect() as db:
        rows = db.execute(sa.select(row.c.content).order_by(row.c.created)).scalars().all()
    return [profile for content in rows if (profile := _read(content))]


def find_profile(profile_id: str) -> InstrumentProfile:
    """The profile with this id. Raises LabError where this workspace has none."""
    with engine().connect() as db:
        content = db.scalar(sa.select(row.c.content).where(row.c.id == str(profile_id)[:32]))
    profile = _read(content) if content else None
    if profile is None:
        raise LabError(f"There is no instrument {str(profile_id)[:40]!r} in this workspace; choose one from the list.")
    return profile


def profile_for_run(kind: str, um_per_px: float, *, instrument: str = "") -> InstrumentProfile:
    """The profile that a run of this kind and pixel size belongs to; a new one where there is none.

    kind: key of profiles.profile.KIND_NAMES, or PLAIN. Of several that fit, the one of the most similar pixel size.
    """
    fitting = [profile for profile in list_profiles() if profile.fits(kind, um_per_px)]
    if fitting:
        return min(fitting, key=lambda profile: abs(profile.um_per_px - um_per_px))
    profile = InstrumentProfile(_new_id(), default_name(kind, um_per_px), kind, um_per_px, _now(), instrument)
    try:
        return _insert(profile, same_as=f"{kind} {um_per_px:.4g}")
    except IntegrityError:  # another job has made it this instant
        return min(list_profiles(), key=lambda other: (other.kind != kind, abs(other.um_per_px - um_per_px)))


def add_profile(name: str, like: InstrumentProfile) -> InstrumentProfile:
    """Another profile of the same kind and pixel size, for a second instrument; nothing was checked on it yet."""
    profile = InstrumentProfile(_new_id(), check_name(name), like.kind, like.um_per_px, _now(), like.instrument)
    return _insert(profile)


def update_profile(profile_id: str, **parts: Mapping[str, Any] | None) -> InstrumentProfile:
    """Replace parts of a profile (PARTS); the others stay, whoever changes them meanwhile. Raises LabError."""
    if unknown := sorted(parts.keys() - set(PARTS)):
        raise ValueError(f"there is no part {unknown[0]!r} of a profile; parts are {', '.join(PARTS)}")
    what = " and ".join(sorted(parts)).replace("_", " ")
    with change(REVIEWER, "change", INSTRUMENT, profile_id, part=what):
        return _change(profile_id, lambda _: {name: _plain(value) for name, value in parts.items()})


def update_validation(profile_id: str, weights_sha256: str, record: Mapping[str, Any]) -> InstrumentProfile:
    """Store a classifier's validation in place of its earlier one; those of other classifiers stay."""
    with change(REVIEWER, "change", INSTRUMENT, profile_id, part="validation", weights_sha256=weights_sha256):
        return _change(
            profile_id, lambda profile: {"validation": {**(profile.validation or {}), weights_sha256: dict(record)}}
        )


def update_known_run(profile_id: str, weights_sha256: str, record: Mapping[str, Any] | None) -> InstrumentProfile:
    """Store the run that novelty by these weights is calibrated on, in place of an earlier one; None: forget it."""

    def changed(profile: InstrumentProfile) -> dict[str, Any]:
        others = {key: value for key, value in (profile.novelty or {}).items() if key != weights_sha256}
        return {"novelty": others | ({} if record is None else {weights_sha256: dict(record)}) or None}

    named = {"run": record.get("job", "")} if record else {}
    with change(REVIEWER, "change", INSTRUMENT, profile_id, part="novelty", weights_sha256=weights_sha256, **named):
        return _change(profile_id, changed)


def rename_profile(profile_id: str, name: str) -> InstrumentProfile:
    """Give a profile another name. Raises LabError for an empty or too long one."""
    name = check_name(name)
    with change(KEEPER, "rename", INSTRUMENT, profile_id, name):
        return _change(profile_id, lambda _: {"name": name})


def delete_profile(profile_id: str) -> None:
    """Delete a profile and the particles drawn for its validations; classifications stay. Raises LabError."""
    profile = find_profile(profile_id)
    with change(KEEPER, "delete", INSTRUMENT, profile.id, profile.name):
        with engine().begin() as db:
            db.execute(row.delete().where(row.c.id == profile.id))
        if (folder := _folder(profile.id)).is_dir():
            remove_folder(folder)


def profile_folder(profile_id: str) -> Path:
    """Folder of a profile's files, created when missing. Raises LabError for an unknown profile."""
    return workspace_folder("instruments", find_profile(profile_id).id)


def export_profile(profile_id: str) -> str:
    """The profile as the text of a file, with its validation, size standard and known run but without images."""
    return to_json(find_profile(profile_id))


def import_profile(text: str | bytes) -> InstrumentProfile:
    """Add an exported profile under its own id. Raises LabError for another file, and where it is here already."""
    profile = from_json(text)
    profile = replace(profile, name=check_name(profile.name))
    if any(profile.id == other.id for other in list_profiles()):
        raise LabError(f"The instrument {profile.name!r} is already in this workspace; delete it to import it again.")
    if not (profile.id.isalnum() and profile.id.isascii() and len(profile.id) <= 32):
        raise LabError("This file is not an exported instrument profile; choose one that this page has made.")
    return _insert(profile)


def _insert(profile: InstrumentProfile, *, same_as: str | None = None) -> InstrumentProfile:
    with change(REVIEWER, "create", INSTRUMENT, profile.id, profile.name), engine().begin() as db:
        values = {"id": profile.id, "content": json.dumps(asdict(profile)), "same_as": same_as}
        db.execute(row.insert().values(created=datetime.now(UTC).timestamp(), **values))
    return profile


def _change(profile_id: str, changes_of: Callable[[InstrumentProfile], Mapping[str, Any]]) -> InstrumentProfile:
    """Change fields in one transaction, so that two writers never undo one another's part."""
    with engine().begin() as db:
        if db.dialect.name == "sqlite":
            # A write first: from here on this transaction alone may write.
            db.execute(row.update().where(row.c.id == profile_id).values(id=row.c.id))
        content = db.scalar(sa.select(row.c.content).where(row.c.id == profile_id).with_for_update())
        profile = _read(content) if content else None
        if profile is None:
            raise LabError("This instrument was deleted meanwhile; choose another one.")
        changed = replace(profile, **changes_of(profile))
        db.execute(row.update().where(row.c.id == profile_id).values(content=json.dumps(asdict(changed))))
    return changed


def _read(content: str) -> InstrumentProfile | None:
    try:
        return from_content(json.loads(content))
    except (ValueError, TypeError, KeyError):
        return None


def _plain(part: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if part is None else dict(part)


def _folder(profile_id: str) -> Path:
    return workspace_root() / "instruments" / profile_id


def _new_id() -> str:
    return uuid4().hex[:12]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
