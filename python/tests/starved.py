"""What a machine with other things to do takes from a program under test, for bounds of how late something may be."""

import os


def starved():
    """For how long this process's threads have been ready to run and others ran, in seconds, all added up: what comes so
    much later is the machine's doing. 0 where the system does not tell (proc(5), schedstat).
    """
    nanoseconds = 0
    try:
        for thread in os.listdir("/proc/self/task"):
            descriptor = os.open(f"/proc/self/task/{thread}/schedstat", os.O_RDONLY | os.O_CLOEXEC)
            try:
                nanoseconds += int(os.read(descriptor, 100).split()[1])
            finally:
                os.close(descriptor)
    except OSError:
        # A thread has ended, or there are no descriptors left: what was counted is less than it was.
        pass
    return nanoseconds / 1e9
