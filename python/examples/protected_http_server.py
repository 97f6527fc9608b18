"""Serves a page by `http.server`, and lets no client keep it waiting: not one that says nothing, nor one that sends its
header or its body byte by byte, nor one that does not take its answer.

    python protected_http_server.py [HOST [PORT]]

Without arguments any host may connect, to port 8881. Ask for `http://localhost:8881/`, or for `/big`, which is 32 MiB.
Then be slow: `nc localhost 8881`, and type nothing, or a letter now and then.

`http.server` is as it comes. Its listening socket is put under a policy, which every connection inherits: a second until
the first byte, a second without a byte, three seconds in all. (They are short to be seen to pass. 5, 10 and 60 seconds
are a good start for a server on the internet.)
"""

import http.server
import sys

import shotclock

POLICY = shotclock.Policy(first_byte=1, idle=1, total=3)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(b"." * (32 << 20) if self.path == "/big" else b"Hello\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"Thank you for %d bytes\n" % len(body))

    def answer(self, page):
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
        print(f"Answered {self.client_address[1]}", flush=True)

    def log_error(self, format, *arguments):
        # It catches the TimeoutError of whichever call waited, says so here, and closes the connection.
        for error in arguments:
            if isinstance(error, TimeoutError):
                print(f"Sent away {self.client_address[1]}: {error.limit}", flush=True)

    def log_message(self, format, *arguments):
        pass


def main(host="", port="8881"):
    with http.server.ThreadingHTTPServer((host, int(port)), Handler) as server:
        POLICY.protect(server.socket)
        print("listening on {}:{}".format(*server.server_address), file=sys.stderr, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
