"""Where threads wait, out of what faulthandler wrote."""

from __future__ import annotations

import re

_THREAD = re.compile(r"^(?:Current thread|Thread) (0x[0-9a-f]+)")
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$')
# What stands before the part of a path that says which file it is.
_BEFORE = re.compile(r"^.*/(?:site-packages|lib/python[0-9.]+|matrix)/")
# Innermost frames are enough to know a wait by.
_FRAMES = 10


def places(said: str) -> str:
    """A line for each thread, the innermost frame first, as it was at the first look; empty if there was none."""
    threads: dict[str, list[str]] = {}
    frames: list[str] = []
    for line in said.splitlines():
        if thread := _THREAD.match(line):
            if thread[1] in threads:
                break
            frames = threads[thread[1]] = []
        elif (frame := _FRAME.match(line)) and len(frames) < _FRAMES:
            frames.append(f"{_BEFORE.sub('', frame[1])}:{frame[2]} {frame[3]}")
    return "\n".join(" < ".join(frames) for frames in threads.values() if frames)
