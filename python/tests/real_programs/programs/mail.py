"""smtplib and a small mail server, in one process: `mail.py KEY_AND_CERTIFICATE AUTHORITY SILENT_PORT`, where
SILENT_PORT takes connections and says nothing."""

import email.message
import smtplib
import socketserver
import ssl
import sys

from ends_in_time import ends_in_time
from serving import serving

LIMIT = 0.05


class Session(socketserver.StreamRequestHandler):
    timeout = 20
    # Answers are several sends.
    disable_nagle_algorithm = True

    def handle(self):
        self.say("220 ready")
        self.converse()

    def converse(self):
        while line := self.rfile.readline():
            command, _, argument = line.decode().strip().partition(" ")
            answer = getattr(self, f"do_{command.upper()}", None)
            if answer is None:
                self.say(f"502 {command}?")
            elif answer(argument):
                return

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())

    def do_EHLO(self, _):
        self.say("250-here")
        self.say("250 STARTTLS")

    def do_STARTTLS(self, _):
        self.say("220 go on")
        self.finish()
        with self.server.context.wrap_socket(self.request, server_side=True) as self.request:
            self.setup()
            self.converse()
            self.finish()
        return True

    def do_MAIL(self, argument):
        self.say("250 yes")

    do_RCPT = do_MAIL

    def do_DATA(self, _):
        self.say("354 go on")
        self.server.mails.append(list(iter(self.rfile.readline, b".\r\n")))
        self.say("250 taken")

    def do_QUIT(self, _):
        self.say("221 bye")
        return True


class Server(socketserver.ThreadingTCPServer):
    def __init__(self, certificate):
        super().__init__(("127.0.0.1", 0), Session)
        self.mails = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)


def send(port, context=None):
    mail = email.message.EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "me@localhost", "you@localhost", "words"
    mail.set_content("A line.\n" * 100_000)
    with smtplib.SMTP("localhost", port, timeout=20) as client:
        if context:
            client.starttls(context=context)
        assert client.send_message(mail) == {}


def main(certificate, authority, silent_port):
    with serving(Server(certificate)) as server:
        port = server.server_address[1]
        send(port)
        send(port, ssl.create_default_context(cafile=authority))
    for mail in server.mails:
        print(mail.count(b"A line.\r\n"), "lines")
    error = ends_in_time(
        LIMIT, smtplib.SMTPServerDisconnected, lambda: smtplib.SMTP("127.0.0.1", silent_port, "me", timeout=LIMIT)
    )
    assert isinstance(error.__context__, TimeoutError)


if __name__ == "__main__":
    main(*sys.argv[1:])
