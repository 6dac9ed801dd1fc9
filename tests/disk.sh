#!/bin/bash
# A full disk and a read-only results/: one line that says so, nothing half made, and the same command goes on afterwards.
# Mounts a small file system of its own, so it runs as root.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/project.sh"

# Keeps a mount of an earlier, failed check from standing in the way of removing the scratch directory.
unmount_all() {
    awk -v within="$scratch/" 'index($2, within) == 1 { print $2 }' /proc/mounts | xargs -r umount
    rm -rf "$scratch"
}
trap unmount_all EXIT

full_disk() {
    project
    small_make prepare
    mkdir results
    mount -t tmpfs -o size=24k tmpfs results
    ! small_make local_train || return 1
    grep -q 'No space left on device' said
    [ "$(grep -c ': .*No space left on device' said)" -eq 1 ]
    [ -z "$(find results -name '*.part')" ]
    mount -o remount,size=64m results
    small_make local_train
    umount results
}

read_only() {
    project
    small_make prepare
    mkdir results
    mount -t tmpfs -o ro tmpfs results
    ! small_make local_train || return 1
    [ "$(grep -c "results/.*Read-only file system" said)" -eq 1 ]
    umount results
    small_make local_train
}

check "a full disk" full_disk
check "a read-only results/" read_only
done_testing
