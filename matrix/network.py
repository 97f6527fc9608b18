"""The network and the system files of the matrix."""

SYSTEM_FILES = {
    # Far longer than any cell is given.
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:10 attempts:2\n",
    "nsswitch.conf": "hosts: files dns\nservices: files\nprotocols: files\n",
    "hosts": """127.0.0.1 localhost
192.0.2.9 holes.example
192.0.2.10 holes.example
192.0.2.11 holes.example
2001:db8:1::9 dead-first.example
127.0.0.1 dead-first.example
""",
}
# What is sent to these networks goes out by loopback, comes back, and is nobody's.
LINKS = (
    "addr add 192.0.2.20/32 dev lo",
    "route add 192.0.2.8/30 dev lo src 192.0.2.20",
    # Without the search for another who has the address: until that is over no route may come from it.
    "-6 addr add 2001:db8::1/128 dev lo nodad",
    "-6 route add 2001:db8:1::/64 dev lo src 2001:db8::1",
)
