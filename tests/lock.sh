#!/bin/bash
# make lock and make verify: what the lock says, and that every kind of difference is named.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"

# A project with a run, of which $run is the directory and $training the training's, and its lock.
locked() {
    project
    rm bitfast.lock # the demo's
    small_make test
    run=$(dirname results/*/*/log.csv)
    training=$(dirname "$run")
    make lock
}

# differs FILE: verify exits 1 (make: 2), and the first difference that it names is of this file.
differs() {
    ! make verify >said 2>err || { cat said; echo "verify found no difference"; return 1; }
    cat said err
    grep -q "^first     $1: " said
    grep -qF "of bitfast.lock, first ${1##*/}" err
}

lock_has_every_digest() {
    locked
    [ "$(sed -n 1p bitfast.lock)" = 'bitfast-lock 1' ]
    sort -c bitfast.lock
    # Data, folds, epochs, and the run's own files, by the independent tool.
    awk '$1 == "file" { print $3 "  " $2 }' bitfast.lock >sums
    sha256sum --quiet -c sums
    ls data/prepared/small/*.tsv data/prepared/small/*/*.npy results/*/*.safetensors results/*/*/*.* |
        grep -v '/times.tsv$\|/summary.txt$\|/record.json$\|/environment.json$\|/code.diff$' | sort >expected
    cut -c 67- sums | sort | diff - expected
    awk '$1 == "parameter" { print $3 " = " substr($0, length($1 $2 $3) + 4) }' bitfast.lock | sort >parameters
    sort "$run/parameters.mk" | diff parameters -
    ! grep -F "$(hostname)" bitfast.lock
    ! grep -F "$scratch" bitfast.lock
    # Not written again when nothing changed; other runs' facts stay.
    ls -i bitfast.lock >before
    make lock
    ls -i bitfast.lock | cmp - before
    cp bitfast.lock first
    small_make test EPOCHS=1
    make lock RUNS="$(basename "$training")/test-5_epochs-1"
    [ -z "$(comm -23 first bitfast.lock)" ]
    grep -q '^parameter .*/test-5_epochs-1 EPOCHS 1$' bitfast.lock
    rm bitfast.lock
    small_make lock RUNS=selected
    cmp bitfast.lock first
}

all_the_same() {
    locked
    digests >before
    make verify
    digests | cmp - before
    [ ! -e build/verify ]
    # From the lock alone, in a tree where nothing was made; and a run of two.
    small_make test EPOCHS=1
    make lock
    rm -rf results data/prepared
    make verify RUNS="$(basename "$training")/test-5_epochs-1" >said
    cat said
    grep -q 'verify    1 run of' said
    ! grep -q epoch-002 said
    make verify | grep 'verify    2 runs of'
}

flipped_byte() {
    locked
    local file
    for file in "$training/epoch-001.safetensors" data/prepared/small/*/fold-3.npy; do
        cp "$file" kept
        # Where the last tensor's, or clip's, last value is.
        printf '\x3f' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") - 1)) conv=notrunc status=none
        must_fail 2 make lock
        grep -qF "lock: $file: sha256 found $(sha256sum <"$file" | cut -c 1-64)" err
        differs "$file"
        grep -qF "first     $file: same, but not the file here" said
        grep -q 'first difference: ' said
        rm -r build/verify
        mv kept "$file"
    done
}

# A tool that computes something else: its first file is named, with tensor, element and both values.
changed_step() {
    locked
    mv bin/train-epoch bin/train-epoch.real
    cat >bin/train-epoch <<END
#!/bin/bash
. $top/tests/lib.sh
trap - EXIT
train-epoch.real "\$@" >"\$scratch/checkpoint"
edit_checkpoint "\$scratch/checkpoint" "\$scratch/edited" 'values("fc1.bias")[3] = 0.25'
cat "\$scratch/edited"
rm -r "\$scratch"
END
    chmod +x bin/train-epoch
    differs "$training/epoch-001.safetensors"
    bin/tensor-print "$training/epoch-001.safetensors" >text
    grep 'first difference: fc1.bias' said | grep -F 0.25
    grep -q 'epoch-002.safetensors *differs' said
    grep -q 'fold-5.npy *same' said
    # The first in the pipeline's order: nothing before it differs.
    awk '/epoch-001/ { exit } / differs/ { bad = 1 } END { exit bad }' said
    # Without the locked file only digests can be told.
    rm -rf build/verify "$training" data/.store
    differs "$training/epoch-001.safetensors"
    grep -q '^  locked      [0-9a-f]\{64\}$' said
    grep -q 'no value can be compared' said
    [ -e build/verify ]
    must_fail 2 make verify
    says 'remove it, or give VERIFY_DIR='
}

changed_text() {
    locked
    mv bin/checkpoint-log bin/checkpoint-log.real
    printf '#!/bin/bash\ncheckpoint-log.real "$@" | sed "s/^2,1,.*/2,1,7.5/"\n' >bin/checkpoint-log
    chmod +x bin/checkpoint-log
    differs "$run/steps.csv"
    grep -qx '  line .*2,1,7.5' said
    grep -A 1 '  line ' said | grep -F "$(grep '^2,1,' "$run/steps.csv")"
}

changed_raw_data() {
    locked
    cp "$scratch/$checks"/small/audio/1-*.wav .
    set -- "$scratch/$checks"/small/audio/1-*.wav
    printf '\x01' | dd of="$1" bs=1 seek=1000 conv=notrunc status=none
    differs data/prepared/small/clips.tsv
    grep -q "^  line .*$(basename "$1")" said
}

malformed() {
    locked
    cp bitfast.lock good
    refused() {
        must_fail 2 make verify
        says "$1"
        [ ! -e build/verify ]
        cp good bitfast.lock
    }
    : >bitfast.lock
    refused "bitfast.lock:0: found nothing"
    echo 'bitfast-lock 2' >bitfast.lock
    refused "bitfast.lock:1: found 'bitfast-lock 2', expected 'bitfast-lock 1'"
    sed -i '3s/.$//' bitfast.lock
    refused "bitfast.lock:3: found 'file data"
    sed -i '4s|file |file ../|' bitfast.lock
    refused "bitfast.lock:4: found 'file ../data"
    sed -i '5s|file |file /|' bitfast.lock
    refused "bitfast.lock:5: found 'file /data"
    sed -i '2i <<<<<<< HEAD' bitfast.lock
    refused 'a merge left its marks'
    sed -i '2{p;s/[0-9a-f]\{4\}$/0000/}' bitfast.lock
    refused 'in another line'
    printf '\0\377' >>bitfast.lock
    refused 'bitfast.lock:'
    sed -i 's/ FILTERS 2$/ FILTERS 3/' bitfast.lock
    refused 'one of both was changed by hand'
    sed -i 's/ FILTERS 2$/ FILTERS two/' bitfast.lock
    refused "FILTERS: found 'two'"
    sed -i '/log.csv/d' bitfast.lock
    differs "$run/log.csv"
    grep -q 'log.csv *not in the lock' said
}

missing_run() {
    locked
    must_fail 2 make verify RUNS=other
    says "found no run or tag 'other' in bitfast.lock"
    must_fail 2 make lock RUNS=other
    says "found no run or tag 'other' in results/"
    small_make test EPOCHS=1
    must_fail 2 make lock RUNS=small
    says "'small' begins 2 runs"
    rm "$run/roc.tsv"
    must_fail 2 make lock
    says "$run/roc.tsv: is not here"
    rm bitfast.lock
    must_fail 2 make verify
    says 'found no bitfast.lock; make lock writes it'
}

# Two branches lock a run each; git merges them, and the lock is good.
merged() {
    locked
    git init -q
    git config user.name test
    git config user.email test@localhost
    rm bitfast.lock
    echo 'bitfast-lock 1' >bitfast.lock
    git add .gitattributes bitfast.lock
    git commit -qm base
    git checkout -qb other
    small_make test EPOCHS=1
    make lock RUNS="$(basename "$training")/test-5_epochs-1"
    git commit -qam one
    git checkout -q -
    make lock RUNS="$(basename "$training")/test-5_epochs-2"
    git commit -qam two
    git merge -q -m merged other
    make verify | grep 'verify    2 runs of'
    make lock
    sort -c bitfast.lock
}

full_disk() {
    locked
    cp bitfast.lock before
    small_make test EPOCHS=1
    mkdir full
    must_fail 2 make lock LOCK=full/none/lock
    says 'full/none/lock: cannot be written'
    cmp bitfast.lock before
}

check "lock: parameters and the sha256 of every file, and nothing else" lock_has_every_digest
check "verify: everything made again from the raw data is the same" all_the_same
check "a flipped byte in a checkpoint or fold is named by lock and by verify" flipped_byte
check "a step that computes something else: file, tensor, element, both values" changed_step
check "a text that differs: line and both" changed_text
check "changed raw data: the clip" changed_raw_data
check "malformed and hand-edited locks are refused in a line" malformed
check "runs that are not there" missing_run
check "two branches' locks are merged by git" merged
check "a lock that cannot be written" full_disk
done_testing
