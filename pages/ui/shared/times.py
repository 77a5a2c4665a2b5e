"""Points in time by this machine's clock, with year and zone."""

from datetime import UTC, datetime


def local_time(timestamp: float) -> datetime:
    """A time in seconds since 1970, UTC, in this machine's time zone."""
    return datetime.fromtimestamp(timestamp, UTC).astimezone()


def format_timestamp(timestamp: float) -> str:
    """ "26 Nov 2026, 14:05 UTC"."""
    time = local_time(timestamp)
    return f"{time.day} {time:%b %Y, %H:%M %Z}"


def format_iso(text: str) -> str:
    """The same from an ISO 8601 text."""
    return format_timestamp(datetime.fromisoformat(text).timestamp())
