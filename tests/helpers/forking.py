"""Work in a forked process of its own, which may be killed."""

import os
import traceback


def forked(work):
    """Exit status of work() in a process of its own: 0, -9 where it was killed, 1 after an error."""
    pid = os.fork()
    if not pid:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
