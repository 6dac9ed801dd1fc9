#!/bin/bash
# make push and make pull through real servers: S3 (moto), sshd's sftp, WebDAV.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"
. "$top/tests/servers.sh"

# There and back: everything arrives, a second push sends nothing, and the fresh clone trains nothing.
round_trip() {
    trained_project
    "start_$1"
    make push REMOTE="$address" | tee pushed
    grep -q '^pushed    1 run: [1-9][0-9]* objects' pushed
    make push REMOTE="$address" | tee pushed
    grep -q '^pushed    1 run: 0 objects, 0 B, 0 steps; 0 ' pushed
    clone other
    make pull REMOTE="$address" | tee pulled
    grep -q '^pulled    1 run: [1-9][0-9]* objects' pulled
    same_as_project
    make pull REMOTE="$address" | grep '^pulled    1 run: 0 objects'
    [ -z "$(ls "$scratch/$checks/$1/tmp" 2>/dev/null)" ]
    [ ! -e "$RCLONE_CONFIG" ]
}

# A server that is not there, or dies in the middle of a push or a pull: a line, and the same command goes on.
cut_off() {
    trained_project
    "start_$1"
    # So slow that it is still running when the first objects are there.
    slow="--bwlimit 60k --transfers 1 --checkers 1"
    [ "$2" != push ] || stopped push
    [ "$2" != push ] || "start_$1"
    make push REMOTE="$address"
    clone other
    [ "$2" != pull ] || stopped pull
    [ "$2" != pull ] || "start_$1"
    make pull REMOTE="$address"
    same_as_project
    kill "$server"
    wait "$server" || true
    must_fail 2 make pull REMOTE="$address"
    says "make: pull: $address: "
}

# stopped push|pull: the server is killed when the first objects have arrived on the other side.
stopped() {
    make "$1" REMOTE="$address" RCLONE_FLAGS="$slow" >out 2>err &
    local client=$! status=0 i where=$scratch/$checks
    [ "$1" != pull ] || where=data/.store
    for i in {1..300}; do
        [ -z "$(find "$where" -path '*/objects/*' -type f ! -path '*/project/*' -print -quit)" ] || break
        sleep 0.1
    done
    kill -KILL "$server"
    # sshd's children, which hold the connection.
    pkill -KILL -P "$server" || true
    wait "$server" || true
    wait "$client" || status=$?
    cat out err
    [ "$status" -ne 0 ]
    grep -q "^make: $1: $address: " err
    [ "$(wc -l <err)" -le 2 ]
}

check "S3: there and back" round_trip s3
check "sftp: there and back" round_trip sftp
check "WebDAV: there and back" round_trip webdav
check "WebDAV: the server dies in the middle of a push" cut_off webdav push
check "sftp: the server dies in the middle of a pull" cut_off sftp pull
done_testing
