"""Which process of `pytest -n` runs which tests, and in which order.

A file stays in one process, so that what its tests share is made once. So do all tests in a browser, which share the
app's server and Chromium, and all other tests that start processes of their own (workers of jobs, several processes
that train together): at most two of these run at a time.
"""

BROWSER = "tests/browser/"
PROCESSES = "processes"
STARTS_PROCESSES = (
    "tests/unit/backup/test_backup.py",
    "tests/unit/review/test_concurrent_decisions.py",
    "tests/unit/review/test_leases.py",
    "tests/unit/tasks/test_experiment.py",
    "tests/unit/tasks/test_killed_jobs.py",
    "tests/unit/tasks/test_tasks.py",
    "tests/unit/tasks/test_train_task.py",
    "tests/unit/test_launch.py",
    "tests/unit/test_serving.py",
    "tests/unit/test_worker.py",
    "tests/unit/training/test_distributed.py",
    "tests/unit/workspace/test_job_queue.py",
    "tests/unit/workspace/test_jobs.py",
    "tests/unit/workspace/test_lost_jobs.py",
)
# Folders and files that take longest, after those: what is begun last should be short, or one process waits for it.
LONGEST = (
    "tests/unit/training/",
    "tests/unit/tasks/",
    "tests/unit/test_shipped_weights.py",
    "tests/unit/generator/",
    "tests/unit/quality/",
    "tests/unit/audit/",
    "tests/unit/classifier/",
    "tests/unit/commands/",
    "tests/unit/stats/",
    "tests/pages/",
)


def scope_of(nodeid):
    """Name of the tests that run in one process with this one: BROWSER, PROCESSES, or its file."""
    if nodeid.startswith(BROWSER):
        return BROWSER
    return PROCESSES if nodeid.startswith(STARTS_PROCESSES) else nodeid.partition("::")[0]


def longest_first(items):
    """Sort collected tests in place: in a browser, with processes of their own, the longest folders, then the rest."""
    order = (BROWSER, STARTS_PROCESSES, *LONGEST)

    def rank(item):
        return next((at for at, start in enumerate(order) if item.nodeid.startswith(start)), len(order))

    items.sort(key=rank)


def scheduler(config, log):
    """Give each process of pytest-xdist the next scope of tests, in the order in which they were collected."""
    from xdist.scheduler import LoadScopeScheduling

    class ByScope(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return scope_of(nodeid)

    config.option.loadscopereorder = False
    return ByScope(config, log)
