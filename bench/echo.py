"""The other end of a ping-pong: ``echo.py [--lines [--resume]] PORT [MOUNT SIDE]`` sends back what it gets, one piece at a time.

With ``--lines`` it does so by a file, line by line. Without a side it is the interpreter's own module without a timeout:
so that only this end's other side differs.
"""

import signal
import socket
import sys

import sides

# Whatever hangs is ended.
LIMIT = 300


def main() -> None:
    """Connect, and echo until the other end closes."""
    signal.alarm(LIMIT)
    arguments = sys.argv[1:]
    by_lines, resume = "--lines" in arguments, "--resume" in arguments
    port, *side = arguments[by_lines + resume :]
    module, timeout = socket, None
    if side:
        mount, name = side
        module, timeout = getattr(sides.load(mount), name), 30.0
    with module.create_connection(("127.0.0.1", int(port))) as sock:
        sock.settimeout(timeout)
        sock.setsockopt(module.IPPROTO_TCP, module.TCP_NODELAY, 1)
        if by_lines:
            with sides.file_over(sock, "rwb", resume) as file:
                for line in file:
                    file.write(line)
                    file.flush()
        while data := sock.recv(4096):
            sock.send(data)


if __name__ == "__main__":
    main()
