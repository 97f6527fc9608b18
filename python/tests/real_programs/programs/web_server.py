"""A web server on http.server: `web_server.py [KEY_AND_CERTIFICATE]`."""

import http.server
import ssl
import sys


def bytes_of(count):
    """So many bytes that repeat late and oddly, so that a lost or doubled part shows."""
    return (bytes(range(251)) * (count // 251 + 1))[:count]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Header and body are two sends.
    disable_nagle_algorithm = True

    def do_GET(self):
        match self.path.split("/")[1:]:
            case ["bytes", count]:
                self.answer(bytes_of(int(count)))
            case ["client"]:
                self.answer(str(self.client_address[1]).encode())
            case ["chunked"]:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for part in (b"one ", b"two ", b"three", b""):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            case ["silent"]:
                # No answer; it ends when the client gives up.
                self.rfile.read(1)
                self.close_connection = True
            case _:
                self.send_error(404)

    do_HEAD = do_GET

    def do_POST(self):
        if self.headers["Transfer-Encoding"] == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(body.upper())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def server(certificate=None):
    """A server on a port of the system's choice, with TLS if there is a certificate."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


def main(certificate=None):
    with server(certificate) as serving:
        print("listening on {}:{}".format(*serving.server_address), file=sys.stderr)
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
