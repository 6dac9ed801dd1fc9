#!/bin/bash
# The store: what was made once is restored, with the same bytes, and only if its bytes are right.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"

# all_restored: the last make trained nothing and predicted nothing, and everything has the bytes of `before`.
all_restored() {
    trained 0
    ! grep -E '^(prepare|train|test) .* s$' said
    digests | diff before -
}

made_once() {
    project
    small_make local_train
    trained 2
    digests >before
}

# The objects of the two epochs.
epoch_object() {
    local sha256
    sha256=$(sha256sum <"$(echo results/*/epoch-00"$1".safetensors)")
    echo "data/.store/objects/${sha256::2}/${sha256%% *}"
}

layout() {
    made_once
    local object name record
    [ "$(find data/.store/objects -type f | wc -l)" -gt 20 ]
    find data/.store/objects -type f | while read -r object; do
        name=${object##*/}
        echo "$name  $object"
        [ "$object" = "data/.store/objects/${name::2}/$name" ]
    done | sha256sum --check --quiet
    find data/.store/steps -type f | while read -r record; do
        name=${record##*/}
        [ "$(tail -n +2 "$record" | sha256sum)" = "$name  -" ]
        read -r word sha256 size <"$record"
        [ "$word" = output ]
        [ "$(stat -c %s "data/.store/objects/${sha256::2}/$sha256")" = "$size" ]
        sed -n 2p "$record" | grep -q '^command .'
    done
    [ -z "$(find data results plots -name '*.part')" ]
    # No two files of the tree are one: they would share their time.
    [ -z "$(find results plots data/prepared -type f -printf '%i\n' | sort | uniq -d)" ]
}

deleted_results() {
    made_once
    rm -rf results plots/*.pdf plots/*.png
    small_make local_train
    restored 2
    grep -q '^test .* restored$' said
    grep -q '^test on fold 5' said # the summary is shown again
    all_restored
    small_make -q local_train
    rm -rf data/prepared
    small_make local_train
    [ "$(grep -c '^prepare .* restored$' said)" -eq 5 ]
    all_restored
    [ -z "$(find results plots data/prepared -type f -printf '%i\n' | sort | uniq -d)" ]
}

fresh_clone() {
    export STORE=$scratch/$checks/shared
    made_once
    [ ! -e data/.store ]
    mv before ..
    cd ..
    mv small sounds
    project clone
    rm -r ../small && mv ../sounds ../small
    mv ../before .
    small_make local_train
    restored 2
    all_restored
    # What the clone got does not share a file with what the first one has.
    [ "$(stat -c %i results/*/epoch-002.safetensors)" != "$(stat -c %i ../project/results/*/epoch-002.safetensors)" ]
}

reverted() {
    made_once
    cp -a bin/train-epoch ../train-epoch
    printf '#!/bin/sh\nexec ../train-epoch "$@"\n' >bin/train-epoch
    touch -d '1 hour' bin/train-epoch
    small_make train
    trained 2
    cp ../train-epoch bin/train-epoch
    touch -d '2 hours' bin/train-epoch
    small_make train
    restored 2
    trained 0
    touch -d '3 hours' data/prepared/small/*/fold-1.npy
    small_make local_train
    ! grep -E '^(prepare|train|test) ' said
}

changed_parameter() {
    made_once
    # A parameter that makes no other name: the command of a step.
    sed -i 's/awk -f src\/graph\/classes.awk/awk -f src\/graph\/classes.awk --/' Makefile
    rm data/prepared/small/classes.tsv
    small_make local_train
    git -C "$top" show HEAD:Makefile >Makefile 2>/dev/null || sed -i 's/classes.awk --/classes.awk/' Makefile
    rm data/prepared/small/classes.tsv
    small_make local_train
    all_restored
    small_make -q local_train
}

# damaged TEXT: the next make names what is wrong with epoch 2 in one line that holds TEXT, trains it, and all is well.
damaged() {
    rm -rf results
    small_make local_train
    [ "$(grep -c '^step: ' said)" -eq 1 ]
    grep '^step: ' said | grep -F -- "$1" | grep -F 'the step runs instead'
    trained 1
    restored 1
    digests | diff before -
    rm -rf results
    small_make local_train
    ! grep '^step: ' said
    all_restored
}

flipped_byte() {
    made_once
    object=$(epoch_object 2)
    printf 'X' | dd of="$object" bs=1 seek=5000 conv=notrunc status=none
    found=$(sha256sum <"$object")
    damaged "$object: found sha256 ${found%% *}, expected ${object##*/}; moved to data/.store/corrupt/"
    [ "$(sha256sum <"data/.store/corrupt/${object##*/}")" = "$found" ]
}

truncated() {
    made_once
    object=$(epoch_object 2)
    size=$(stat -c %s "$object")
    truncate -s 100 "$object"
    damaged "$object: found 100 bytes, expected $size; moved to data/.store/corrupt/"
}

missing() {
    made_once
    object=$(epoch_object 2)
    rm "$object"
    damaged "$object: cannot be opened: No such file or directory"
    # One that is no file at all.
    rm -rf "$object" data/.store/corrupt
    mkdir "$object"
    damaged "$object: is no regular file; moved to data/.store/corrupt/"
}

malformed_record() {
    made_once
    record=$(grep -l -r 'epoch-001.safetensors$' data/.store/steps | xargs grep -l '^command train-epoch')
    cp "$record" ../record
    local text
    for text in '' 'output' "$(head -c 60 ../record)" "$(sed 's/^output ./output X/' ../record)" \
        "$(sed '1s/ [0-9]*$/ -1/' ../record)" "$(sed '1s/ [0-9]*$/ 99999999999999999999/' ../record)" \
        "$(sed 's/batch-size=8/batch-size=9/' ../record)" "$(printf 'x%.0s' {1..5000})"; do
        printf '%s\n' "$text" >"$record"
        damaged "$record: "
    done
    head -c 3000 /dev/urandom >"$record"
    damaged "$record: "
}

# An unprivileged user's store that belongs to somebody else; root may write anywhere.
read_only() {
    made_once
    local user=65534
    mv data/.store ../store
    rm -rf results
    chmod -R go+rX ../store "$scratch" ..
    chown -R $user . "$scratch/$checks/small"
    export STORE=$scratch/$checks/store
    as_user() {
        setpriv --reuid=$user --regid=$user --clear-groups env HOME=/tmp \
            make SMALL_DIR="$scratch/$checks/small" $small "$@" >said 2>&1 || { cat said; return 1; }
    }
    find "$STORE" >names
    as_user local_train
    all_restored
    as_user local_train EPOCHS=3
    trained 1
    # One line for each step of which a line is printed, not for each small file.
    [ "$(grep -c "^step: $STORE/.*Permission denied; the file is made, but not kept in the store$" said)" -eq 2 ]
    find "$STORE" | diff names -
}

full() {
    project
    mkdir -p data/.store
    mount -t tmpfs -o size=40k tmpfs data/.store
    small_make local_train || { umount data/.store; return 1; }
    trained 2
    digests >before
    grep -q '^step: .*No space left on device; the file is made, but not kept in the store$' said
    [ -z "$(find data/.store -name '*.part')" ]
    umount data/.store
    small_make -q local_train
    rm -rf results data/prepared
    small_make local_train
    digests | diff before -
}

turned_off() {
    project
    small_make local_train STORE=
    [ ! -e data/.store ]
    rm -rf results
    small_make local_train STORE=
    trained 2
}

two_at_once() {
    export STORE=$scratch/$checks/shared
    project
    cp -a . ../second
    local first second
    (cd ../second && small_make -j2 sweep FILTERS='2 3' && digests >before) >../second.log 2>&1 &
    second=$!
    small_make -j2 sweep FILTERS='2 3'
    wait $second || { cat ../second.log; return 1; }
    digests | diff - ../second/before
    find "$STORE/objects" -type f | while read -r object; do echo "${object##*/}  $object"; done | sha256sum --check --quiet
    [ -z "$(find "$STORE" . -name '*.part')" ]
    digests >before
    rm -rf results
    small_make -j2 sweep FILTERS='2 3'
    all_restored
}

# A file that was edited in place, and with it the object of which it is another name.
edited_in_place() {
    made_once
    printf '9,9,9,9,9\n' >>"$(echo results/*/*/log.csv)"
    touch -d '1 hour' results/*/epoch-002.safetensors
    small_make local_train
    grep -q '^step: .*; moved to data/.store/corrupt/' said
    trained 0
    digests | diff before -
}

# A kill between the object's link and the removal of the part beside it.
stale_part() {
    export STORE=store BIN=bin THREADS=1
    mkdir in
    echo a >in/x
    step out/y 'cat in/x' in/x
    object=$(find store/objects -type f)
    : >"${object%/*}/.${object##*/}.1.part"
    cp -a store/objects kept
    rm -r out store/steps
    step out/y 'cat in/x' in/x
    [ "$(find store/objects -type f)" = "$object" ]
    # The same where the record was there: the object was put back after it had been lost, and is restored now.
    cp -a kept/. store/objects
    rm -r out
    step out/y 'cat in/x' in/x
    [ "$(find store/objects -type f)" = "$object" ]
    [ "$(cat out/y)" = a ]
}

check "objects and records: names, sizes, no shared files" layout
check "deleted results are restored" deleted_results
check "a fresh clone trains nothing" fresh_clone
check "a tool that was changed and is as before" reverted
check "a command that was changed and is as before" changed_parameter
check "a flipped byte is named, and the step runs" flipped_byte
check "a truncated object" truncated
check "a missing object" missing
check "a malformed record of a step" malformed_record
check "a store that may not be written" read_only
check "a full store" full
check "STORE= turns it off" turned_off
check "two makes share a store at the same time" two_at_once
check "a made file edited in place" edited_in_place
check "a part left beside an object goes when the object is put again or restored" stale_part
done_testing
