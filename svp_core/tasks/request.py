"""Job requests: the settings of one job, as a frozen dataclass per kind of job and as the JSON that is stored."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self

from svp_core.errors import LabError

_OMITTED = {"omit_none": True}


def optional() -> Any:
    """A dataclass field that is None by default and then absent from the stored JSON."""
    return field(default=None, metadata=_OMITTED)


@dataclass(frozen=True)
class StoredSettings:
    """Settings that are stored as a JSON object with the names of their fields as keys.

    The same settings must always give the same JSON: a job is joined by a second request when their JSON is equal.
    So a field is stored even when it has its default, except for those declared by optional().
    """

    def to_config(self) -> dict[str, Any]:
        """JSON-ready dict, as it is stored with the job."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        omitted = {item.name for item in fields(self) if item.metadata == _OMITTED}
        return {name: _to_json(value) for name, value in values.items() if not (value is None and name in omitted)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Read stored settings; keys that were left out get their defaults.

        Raises LabError for keys that are unknown or missing.
        """
        known = {item.name for item in fields(cls)}
        required = {item.name for item in fields(cls) if item.default is MISSING and item.default_factory is MISSING}
        if unknown := sorted(config.keys() - known):
            raise LabError(
                f"The stored settings of this job have an unknown key, {unknown[0]!r}; they were written by another "
                "version of SvP Lab. Start the job again from its page."
            )
        if missing := sorted(required - config.keys()):
            raise LabError(f"The stored settings of this job lack {missing[0]!r}; start it again from its page.")
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in config.items()})


@dataclass(frozen=True)
class JobRequest(StoredSettings):
    """What one job is asked to do; the base of the request of every kind."""

    @property
    def title(self) -> str:
        """What the job does, in one line; not escaped."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise LabError for settings that cannot be carried out, as far as they show it without a model or data."""


def _to_json(value: Any) -> Any:
    if isinstance(value, StoredSettings):
        return value.to_config()
    return list(value) if isinstance(value, tuple) else value
