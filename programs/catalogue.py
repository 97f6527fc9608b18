"""The programs: what each is, how it is started, and what it is known for.

A word of a command may have ``{host}`` and ``{port}`` in it, and ``{work}``, the folder with what was compiled.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
# Debian's own programs, whatever else is on this machine.
FOLDERS = "/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass(frozen=True)
class Program:
    """A program, and a command of it that talks to one peer."""

    name: str
    command: tuple[str, ...]
    # What it needs: words of debian.txt.
    needs: tuple[str, ...]
    # The protocol that the peer drips.
    speaks: str = "text"
    # Once a connection has ended it tries again by itself, or is back at its prompt: only a total ends it.
    tries_again: bool = False
    # It asks by a second connect whether the first has succeeded, which begins it anew unless something refuses that.
    connects_again: bool = False
    # Its lookups are its own, not the C library's.
    has_resolver: bool = False
    # Whether it looks up a name that it is given.
    looks_up: bool = True
    # Whether it is of the few that are tried with the tests.
    is_short: bool = False


def _http(name: str, *command: str, needs: tuple[str, ...], **known: bool) -> Program:
    return Program(name, command, needs, speaks="http", **known)


_URL = "http://{host}:{port}/"
_RUBY = "require 'socket'; s = TCPSocket.new(ARGV[0], ARGV[1].to_i); s.read"
_RUBY_HTTP = "require 'net/http'; Net::HTTP.get(ARGV[0], '/', ARGV[1].to_i)"
_PERL = (
    "use IO::Socket::INET; my $s = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1]) or die $@; "
    "defined sysread($s, my $b, 1 << 20) or die $!; 1 while sysread($s, $b, 1 << 20)"
)
_LWP = "use LWP::UserAgent; my $r = LWP::UserAgent->new->get($ARGV[0]); die $r->status_line unless $r->is_success"
_PHP = "$f = fsockopen($argv[1], (int)$argv[2], $e, $s); if (!$f) die($s . PHP_EOL); while (($l = fgets($f)) !== false); var_dump($l);"
_PHP_HTTP = "var_dump(file_get_contents($argv[1]));"
_URLLIB = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()"
_SSH = "ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"

PROGRAMS = (
    _http("curl", "curl", "-sS", "-o", "/dev/null", _URL, needs=("curl",), is_short=True),
    _http("wget", "wget", "-nv", "-O", "/dev/null", _URL, needs=("wget",), tries_again=True, is_short=True),
    _http("git http", "git", "clone", "-q", _URL + "it.git", "{scratch}/http", needs=("git",), is_short=True),
    Program("git://", ("git", "clone", "-q", "git://{host}:{port}/it.git", "{scratch}/git"), ("git",), speaks="git"),
    Program(
        "git ssh",
        ("git", "-c", f"core.sshCommand={_SSH}", "clone", "-q", "ssh://x@{host}:{port}/it.git", "{scratch}/ssh"),
        ("git", "ssh"),
        speaks="ssh",
    ),
    Program("ssh", (*_SSH.split(), "-p", "{port}", "x@{host}", "true"), ("ssh",), speaks="ssh"),
    Program("psql", ("psql", "-c", "select 1", "host={host} port={port} user=x dbname=x"), ("psql",), speaks="postgres", is_short=True),
    Program(
        "psycopg2",
        ("/usr/bin/python3", str(HERE / "sources/psycopg.py"), "{host}", "{port}"),
        ("/usr/bin/python3", "/usr/lib/python3/dist-packages/psycopg2/__init__.py"),
        speaks="postgres",
    ),
    Program("redis-cli", ("redis-cli", "-h", "{host}", "-p", "{port}", "PING"), ("redis-cli",), speaks="redis"),
    Program(
        "mysql",
        ("mariadb", "--no-defaults", "-h", "{host}", "-P", "{port}", "--protocol=tcp", "--connect-timeout=0", "-e", "select 1"),
        ("mariadb",),
        speaks="mysql",
    ),
    Program("ruby socket", ("ruby", "-e", _RUBY, "{host}", "{port}"), ("ruby",)),
    _http("ruby Net::HTTP", "ruby", "-e", _RUBY_HTTP, "{host}", "{port}", needs=("ruby",), connects_again=True),
    Program("perl socket", ("perl", "-e", _PERL, "{host}", "{port}"), ("perl",), is_short=True),
    _http("perl LWP", "perl", "-e", _LWP, _URL, needs=("perl", "/usr/share/perl5/LWP.pm")),
    Program("php fgets", ("php", "-d", "default_socket_timeout=600", "-r", _PHP, "{host}", "{port}"), ("php",)),
    _http("php http", "php", "-d", "default_socket_timeout=600", "-r", _PHP_HTTP, _URL, needs=("php",)),
    _http("python3 urllib", "/usr/bin/python3", "-c", _URLLIB, _URL, needs=("/usr/bin/python3",), is_short=True),
    Program("java", ("java", "-Xshare:auto", "-cp", "{work}", "Reads", "{host}", "{port}"), ("javac",)),
    Program("node net", ("node", str(HERE / "sources/net.js"), "{host}", "{port}"), ("node",)),
    _http("node fetch", "node", str(HERE / "sources/fetch.js"), "{host}", "{port}", needs=("node",)),
    _http("go static http", "{work}/go-static", "http", "{host}:{port}", needs=("go",), has_resolver=True),
    Program("go static", ("{work}/go-static", "tcp", "{host}:{port}"), ("go",), has_resolver=True),
    _http("go cgo http", "{work}/go-cgo", "http", "{host}:{port}", needs=("go", "cc"), has_resolver=True),
    Program("go cgo", ("{work}/go-cgo", "tcp", "{host}:{port}"), ("go", "cc"), has_resolver=True),
    Program("nc", ("nc", "{host}", "{port}"), ("nc",), is_short=True),
    Program("telnet", ("telnet", "{host}", "{port}"), ("telnet",)),
    Program("openssl", ("openssl", "s_client", "-connect", "{host}:{port}"), ("openssl",), speaks="tls"),
    Program("rsync", ("rsync", "rsync://{host}:{port}/it", "{scratch}/rsync"), ("rsync",), speaks="rsync"),
    Program(
        "lftp", ("lftp", "-e", "set ftp:ssl-allow no; open ftp://{host}:{port}; ls; exit"), ("lftp",), speaks="ftp", tries_again=True
    ),
    Program("ftp", ("ftp", "-n", "{host}", "{port}"), ("ftp",), speaks="ftp", tries_again=True),
    Program("Rust std", ("{work}/rust-std", "{host}:{port}"), (), is_short=True),
    _http("sh: until curl", "sh", "-c", f"until curl -s -o /dev/null '{_URL}'; do :; done", needs=("curl",), tries_again=True),
)

# What a peer drips, by protocol: the beginning of an answer that nobody has a reason to refuse, and what goes on from there.
DRIPPED = {
    "text": (b"", b"x"),
    "http": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "git": (b"0fff", b"x"),
    "ssh": (b"", b"x"),
    "postgres": (b"NR\0\0\1\0", b"\0"),
    "redis": (b"+", b"x"),
    "mysql": (b"\xff\0\0\0\x0a8.0.30-", b"x"),
    "tls": (b"\x16\3\3\x10\0\2\0\x0f\xf0\3\3", b"\0"),
    "rsync": (b"@RSYNCD: ", b"3"),
    "ftp": (b"220-", b"x"),
}
# The beginning of an answer, of which nothing more comes.
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc"


def packages() -> dict[str, str]:
    """Debian's package of each word that programs need."""
    lines = (HERE / "debian.txt").read_text().splitlines()
    return dict(line.split() for line in lines if line and not line.startswith("#"))


def missing() -> dict[str, str]:
    """What is not on this machine of what is needed, each with its package."""
    is_there = {word: Path(word).exists() if word.startswith("/") else shutil.which(word, path=FOLDERS) for word in packages()}
    return {word: package for word, package in packages().items() if not is_there[word]}
