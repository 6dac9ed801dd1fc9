#!/bin/bash
# make push and make pull with a remote that lies, lacks or is full, and a store that is. Mounts small file
# systems of its own, so it runs as root.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"
. "$top/tests/servers.sh"
unmount_all() {
    awk -v within="$scratch/" 'index($2, within) == 1 { print $2 }' /proc/mounts | xargs -r umount
    rm -rf "$scratch"
}
trap unmount_all EXIT

# wrong TEXT: pull names the file and exits 1, the rest is in place, and after `make push` from the project it is right.
wrong() {
    must_fail 2 make pull REMOTE=../remote
    says "$1"
    [ "$(find data/.store/objects -type f | wc -l)" -ge 20 ]
    find data/.store/objects -type f | awk -F/ '{ print $NF "  " $0 }' | sha256sum --quiet -c
    [ -z "$(ls -d data/.store/.pull.* 2>/dev/null)" ]
}

lying() {
    trained_project
    make push REMOTE=../remote
    cp -r ../remote ../good
    local object sha256
    sha256=$(sha256sum <"$(echo results/*/epoch-001.safetensors)" | cut -c 1-64)
    object=objects/${sha256:0:2}/$sha256
    afresh() {
        rm -rf ../remote ../other
        cp -r ../good ../remote
        cd ../project
        clone other
    }
    afresh
    printf '\x55' | dd of="../remote/$object" bs=1 seek=5000 conv=notrunc status=none
    wrong "$object: sha256 found $(sha256sum <"../remote/$object" | cut -c 1-64), expected that of its name"
    cp "../good/$object" "../remote/$object"
    make pull REMOTE=../remote | grep ': 1 object, '
    same_as_project
    afresh
    truncate -s 5000 "../remote/$object"
    wrong "$object: sha256 found"
    (cd ../project && make push REMOTE=../remote) 2>&1 | grep "replaced  $object: 5000 bytes there"
    make pull REMOTE=../remote
    afresh
    rm "../remote/$object"
    wrong "1 file did not come right, first $object: not there"
    (cd ../project && make push REMOTE=../remote)
    make pull REMOTE=../remote
    afresh
    # A step that says another object came of it.
    local step
    step=$(grep -l "^output $sha256" -r ../remote/steps)
    sed -i '1s/output [0-9a-f]\{8\}/output 00000000/' "$step"
    wrong "${step#../remote/}: not the record of the step"
    afresh
    local index
    index=$(ls ../remote/runs/*/*/steps.tsv)
    refused() {
        must_fail 2 make pull REMOTE=../remote
        says "$1"
        [ ! -e results ]
        cp "../good/${index#../remote/}" "$index"
    }
    sed -i '2s|^[^\t]*|../../outside|' "$index"
    refused "steps.tsv:2: found '../../outside"
    sed -i '2s|^[^\t]*|results/a/.made/b|' "$index"
    refused "steps.tsv:2: found 'results/a/.made/b"
    sed -i '3s|\t[0-9a-f]*|\tabc|' "$index"
    refused 'steps.tsv:3: found'
    head -c 1000 "$index" >cut && cp cut "$index"
    refused 'steps.tsv:'
    sed -i '8,$d' "$index"
    refused 'expected the end of the index'
    : >"$index"
    refused 'steps.tsv: found nothing in it, expected an index'
}

# What is here is not overwritten, and what is damaged here is not sent.
nothing_lost() {
    trained_project
    make push REMOTE=../remote
    clone other
    mkdir -p results/.tags
    run=$(cd ../project && dirname results/*/*/log.csv)
    mkdir -p "$run"
    echo mine >"$run/log.csv"
    make pull REMOTE=../remote
    [ "$(cat "$run/log.csv")" = mine ]
    # What came by git is taken for what it is.
    cd ../project
    clone by-git
    mkdir -p "$run"
    cp ../project/"$run"/{log.csv,record.json,run.tsv,parameters.mk,test_scores.json} "$run/"
    must_fail 2 make lock
    says 'found no run that is done'
    make pull REMOTE=../remote
    same_as_project
    make lock
    cd ../project
    rm -rf data/.store ../remote
    file=$(echo results/*/epoch-001.safetensors)
    cp "$file" kept
    rm "$file"
    sed 's/a/b/' kept >"$file"
    must_fail 2 make push REMOTE=../remote
    says "$file: sha256 found $(sha256sum <"$file" | cut -c 1-64)"
    must_fail 2 make pull REMOTE=../remote STORE=
    says 'STORE is empty'
}

full() {
    trained_project
    mkdir ../remote
    mount -t tmpfs -o size=160k tmpfs ../remote
    must_fail 2 make push REMOTE=../remote
    grep 'disk space\|no space left on device' err
    says 'the same command goes on from here'
    mount -o remount,size=20m ../remote
    make push REMOTE=../remote
    remote_is_right
    clone other
    mkdir -p data/.store
    mount -t tmpfs -o size=160k tmpfs data/.store
    must_fail 2 make pull REMOTE=../remote
    grep 'disk space\|no space left on device' err
    mount -o remount,size=20m data/.store
    make pull REMOTE=../remote
    same_as_project
    umount data/.store ../remote
}

check "a remote with flipped, cut off, missing and false files" lying
check "nothing here is replaced, nothing damaged is sent" nothing_lost
check "a full remote, a full store" full
done_testing
