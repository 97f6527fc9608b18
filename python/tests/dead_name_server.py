"""A network and system files of one's own, in which the name server at 127.0.0.1 never answers."""

import shutil
import subprocess

SYSTEM_FILES = {
    "resolv.conf": "nameserver 127.0.0.1\noptions timeout:10 attempts:2\n",
    "nsswitch.conf": "hosts: files dns\nservices: files\nprotocols: files\n",
    "hosts": "127.0.0.1 localhost\n",
}


def isolated(folder):
    """Give the words before a command that is to run there; None where no namespaces can be had.

    The folder, a `pathlib.Path`, gets the system files, which must stay there meanwhile.
    """
    for name, content in SYSTEM_FILES.items():
        (folder / name).write_text(content)
    mounts = " && ".join(f"mount --bind '{folder / name}' /etc/{name}" for name in SYSTEM_FILES)
    isolate = ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*isolate, mounts], check=False).returncode != 0:
        return None
    return [*isolate, f'{mounts} && ip link set lo up && exec "$0" "$@"']
