"""System files by which the name server is 127.0.0.1: where somebody is bound to its port and says nothing, it is dead."""

SYSTEM_FILES = {
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:10 attempts:2\n",
    "nsswitch.conf": "hosts: files dns\nservices: files\nprotocols: files\n",
    "hosts": "127.0.0.1 localhost\n",
}
