"""A server of socketserver's kind, beside its clients in one process."""

import contextlib
import threading


@contextlib.contextmanager
def serving(server):
    """Serve in a thread for as long as the block runs."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
