"""A network, a host name and system files of one's own, for a command."""

import shutil
import subprocess

# A network begins with nothing that is up.
LOOPBACK = "ip link set lo up"


def isolated(folder, system_files, set_up=(LOOPBACK,)):
    """Give the words before a command that is to run there, after a shell's set-up; None where none can be had.

    The folder, a `pathlib.Path`, gets the files, as bytes or text, that lie over those in /etc, and must stay there
    meanwhile.
    """
    for name, content in system_files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    mounts = [f"mount --bind '{folder / name}' /etc/{name}" for name in system_files]
    shell = " && ".join([*mounts, *set_up, 'exec "$0" "$@"'])
    words = ["unshare", "--user", "--map-root-user", "--net", "--uts", "--mount", "sh", "-c", shell]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], check=False, capture_output=True).returncode != 0:
        return None
    return words
