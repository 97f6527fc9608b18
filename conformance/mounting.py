"""How a process gets shotclock's sockets: by its command line, and by what it does before anything else."""

import os

MOUNTS = ("graft", "type")


def options(mount: str) -> list[str]:
    """What stands before the script on the interpreter's command line: ``type`` puts our `_socket` in by it."""
    return ["-m", "shotclock"] if mount == "type" else []


def mount(mount: str) -> None:
    """What the script does first: ``graft`` goes onto the stock type, ``stock`` does nothing."""
    if mount == "graft":
        import shotclock

        shotclock.install()
    if mount != "stock":
        # Interpreters that it starts are reached by the environment. Set here, so that it does not reach this one.
        os.environ["SHOTCLOCK"] = "1"
