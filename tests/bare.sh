#!/bin/bash
# On a Debian 12 that has git and nothing else, the commands of the README's first block, word for word: set-up and main
# job, and with the argument "all" the tests too. Needs root, mmdebstrap and the configured Debian mirror.
. "$(dirname "$0")/lib.sh"

root=$scratch/root
which=${1-main}

make_root() {
    local file sources=
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
        if grep -qs '^URIs:\|^deb ' "$file"; then sources=$file; fi
    done
    [ "$sources" ] || { echo "found no Debian source in /etc/apt"; return 1; }
    mmdebstrap --quiet --variant=minbase --include=git,ca-certificates bookworm "$root" "$sources"
    # What this machine needs to reach the mirror and PyPI, that one needs too.
    cat /etc/resolv.conf >"$root/etc/resolv.conf"
    cat /etc/ssl/certs/ca-certificates.crt >"$root/etc/ssl/certs/ca-certificates.crt"
    git clone -q "$top" "$root/bitfast"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --make-rslave "$root/dev"
}

unmount() {
    umount -R "$root/dev" "$root/proc" 2>/dev/null
    # Never remove what is still mounted.
    ! grep -q " $root/" /proc/mounts && rm -rf "$scratch"
}
trap unmount EXIT

in_root() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
        ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} chroot "$root" /bin/sh -c "cd /bitfast && $1"
}

is_bare() {
    ! in_root 'command -v make || command -v gcc || command -v python3'
}

typed() {
    in_root "$1"
}

main_job() {
    local seconds=$SECONDS
    in_root "$1" | tee out
    echo "$((SECONDS - seconds)) s" >"$scratch/main_job_seconds"
    grep -q '^test on fold 5: accuracy 0\.' out
    grep -q '^sha256   [0-9a-f]\{64\}$' out
    [ -s "$root/bitfast/plots/train_loss.pdf" ]
}

check "a bare system is made" make_root
check "it has no make, no compiler, no Python" is_bare
mapfile -t commands < <(awk '/^```/ { if (block++) exit; next } block { sub(/ +#.*/, ""); print }' "$top/README.md")
for command in "${commands[@]}"; do
    case $command in
    *check*) [ "$which" = all ] && check "README: $command" typed "$command" ;;
    "make local_train"*) check "README: $command" main_job "$command"
        echo "# make local_train, built from nothing: $(cat "$scratch/main_job_seconds")" ;;
    *) check "README: $command" typed "$command" ;;
    esac
done
done_testing
