"""Two lanes: short jobs never wait for a long one, and which job a waiting one waits for.

Each lane has jobs.slots() slots of its own, numbered from FIRST_SLOT.
"""

from math import inf

from svp_core.display import format_duration
from svp_core.tasks.job_kinds import JOB_KINDS, LONG, SHORT, job_title
from svp_core.workspace import jobs

FIRST_SLOT = {SHORT: 0, LONG: 100}  # numbers of slots as stored in the database


def lane_of(kind_key: str) -> str:
    """SHORT or LONG; an unknown kind is short, since it fails at once."""
    return JOB_KINDS[kind_key].lane if kind_key in JOB_KINDS else SHORT


def long_kinds() -> list[str]:
    """Keys of the kinds in the long lane."""
    return [key for key, kind in JOB_KINDS.items() if kind.lane == LONG]


def lane_slots(lane: str) -> range:
    """Numbers of the slots of a lane."""
    return range(FIRST_SLOT[lane], FIRST_SLOT[lane] + jobs.slots())


def blocking_job(job: jobs.Job) -> jobs.Job | None:
    """The job that a queued one waits for: of those running in its lane the one that ends first, as far as known."""
    running = [other for other in _ahead(job) if other.state == "running"]
    return min(running or _ahead(job), key=_seconds_left, default=None)


def waiting_message(job: jobs.Job) -> str:
    """What a queued job waits for: "Waiting for: Train oil-2 (about 2 h left)"."""
    blocking = blocking_job(job)
    if blocking is None:
        return "Waiting for a free slot"
    time_left = "" if blocking.seconds_left is None else f" (about {format_duration(blocking.seconds_left)} left)"
    queued = sum(other.state == "queued" and other.id != blocking.id for other in _ahead(job))
    return f"Waiting for: {job_title(blocking.kind, blocking.config)}{time_left}" + f", then {queued} more" * bool(
        queued
    )


def _ahead(job: jobs.Job) -> list[jobs.Job]:
    """Jobs of the same lane that run or have waited longer, oldest first."""
    return [
        other
        for other in jobs.active()
        if lane_of(other.kind) == lane_of(job.kind)
        and other.id != job.id
        and (other.state == "running" or other.created <= job.created)
    ]


def _seconds_left(job: jobs.Job) -> float:
    return inf if job.seconds_left is None else job.seconds_left
