"""The key of the audit trail, and the seal: how long the trail was, kept beside the key and so outside the database.

The key is 32 random bytes as hexadecimal digits, in the file that SVP_AUDIT_KEY names, else in audit.key of the
workspace, which is enough to notice an accident but not someone who can read the workspace.
"""

import hashlib
import hmac
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from svp_core.errors import LabError
from svp_core.files import write_json

KEY = "SVP_AUDIT_KEY"


@dataclass(frozen=True)
class AuditKey:
    """A key and where it lies."""

    file: Path
    secret: bytes

    @property
    def id(self) -> str:
        """Fingerprint, stored with every entry: which key it was written with."""
        return self.sign("id")[:16]

    def sign(self, text: str) -> str:
        """HMAC-SHA-256 of a text, 64 hexadecimal digits."""
        return hmac.new(self.secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def key_file(workspace: Path) -> Path:
    """Where the key lies."""
    setting = os.environ.get(KEY)
    return Path(setting).expanduser().absolute() if setting else workspace / "audit.key"


def read_key(file: Path) -> AuditKey | None:
    """The key in this file; None where there is no file. Raises LabError where it holds no key or cannot be read."""
    try:
        modified = file.stat().st_mtime_ns
        return _read(file, modified)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LabError(f"The key of the audit trail, {file}, cannot be read ({error.strerror}).") from None
    except ValueError:
        raise LabError(
            f"{file} holds no key of an audit trail (64 hexadecimal digits); restore it, or correct {KEY}."
        ) from None


@lru_cache(maxsize=8)
def _read(file: Path, _modified: int) -> AuditKey:
    secret = bytes.fromhex(file.read_text("ascii").strip())
    if len(secret) != 32:
        raise ValueError
    return AuditKey(file, secret)


def make_key(file: Path) -> AuditKey:
    """Make a key in this file, readable by its owner only, or read the one that another process has just made."""
    unfinished = file.with_name(f".{secrets.token_hex(8)}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_hex(32) + "\n")
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):
            os.link(unfinished, file)  # whole or not at all, and never over another key
    except OSError as error:
        raise LabError(f"The key of the audit trail cannot be made in {file} ({error.strerror}); see {KEY}.") from None
    finally:
        unfinished.unlink(missing_ok=True)
    key = read_key(file)
    assert key is not None
    return key


def write_seal(key: AuditKey, count: int, head: str) -> None:
    """Note the length and last hash of the trail beside the key; a later check finds an end that was cut off."""
    # A seal that is one entry late checks less; it never makes a sound trail look altered. So it may fail.
    with suppress(LabError):
        write_json(_seal_file(key), {"count": count, "head": head, "mac": key.sign(f"{count} {head}")})


def read_seal(key: AuditKey) -> tuple[int, str] | None:
    """(count, last hash) as noted last; None where there is no seal or it is not this key's."""
    try:
        seal = json.loads(_seal_file(key).read_text("utf-8"))
        count, head = int(seal["count"]), str(seal["head"])
        return (count, head) if hmac.compare_digest(key.sign(f"{count} {head}"), str(seal["mac"])) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _seal_file(key: AuditKey) -> Path:
    return key.file.with_name(f"{key.file.name}.seal")
