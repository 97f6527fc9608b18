#!/bin/sh
# enter.sh FOLDER TOOLCHAIN COMMAND..: runs the command in a Debian that lies in a folder, with the Rust toolchain at
# /opt/rust. To be run by unshare(1) with a mount namespace, with which what is mounted here is gone again.
set -eu
folder=$1
toolchain=$2
shift 2
mkdir -p "$folder/opt/rust"
mount --bind "$folder" "$folder"
mount --bind -o ro "$toolchain" "$folder/opt/rust"
# Places of this machine that are there, too, one after the other with colons between.
IFS=:
for place in ${SHOWN:-}; do
    mkdir -p "$folder$place"
    mount --bind "$place" "$folder$place"
done
unset IFS
mount -t proc proc "$folder/proc"
mount --rbind /sys "$folder/sys"
mount --rbind /dev "$folder/dev"
# Its root is the root here, not a chroot: in one, no test may make a user namespace.
cd "$folder"
pivot_root . mnt
umount -l /mnt
cd /
exec "$@"
