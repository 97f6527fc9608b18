"""Starts child processes in every usual way and prints, as JSON, which code their sockets run (see ``proof``).

``[-m shotclock] children.py MOUNT``: mounted like the test processes. Children import this file again as their main
module, so it does nothing at import.
"""

import json
import multiprocessing
import subprocess
import sys

import mounting
import proof


def main() -> None:
    (mount,) = sys.argv[1:]
    mounting.mount(mount)
    script = [sys.executable, proof.__file__]
    measured = {"subprocess": _printed(script), "subprocess -I": _printed([script[0], "-I", script[1]])}
    for start_method in ("fork", "spawn", "forkserver"):
        measured[start_method] = _measured_by(multiprocessing.get_context(start_method))
    json.dump(measured, sys.stdout)


def _printed(command: list[str]):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout)


def _measured_by(context):
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(sender,))
    child.start()
    sender.close()
    with receiver:
        measured = receiver.recv() if receiver.poll(60) else {}
    child.join(60)
    return measured


def _send(sender) -> None:
    with sender:
        sender.send(proof.measure_in_scope())


if __name__ == "__main__":
    main()
