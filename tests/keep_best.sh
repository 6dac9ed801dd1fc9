#!/bin/bash
# KEEP_BEST, make prune, KEEP=best: what best/ holds, what goes, and what is then not made again.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"

# expected_best LOG K MONITOR SIGN: the names that best/ is to hold, sorted.
expected_best() {
    /usr/bin/python3 - "$@" <<'PYTHON'
import csv, sys
k, monitor, sign = int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
rows = [(sign * float(row[monitor]), int(row["epoch"]), float(row[monitor])) for row in csv.DictReader(open(sys.argv[1]))]
print(*sorted(["epoch-%03d_%s-%.4f.safetensors" % (epoch, monitor, value) for _, epoch, value in sorted(rows)[:k]]
      + ["last.safetensors", "epochs.tsv"]), sep="\n")
PYTHON
}

# holds K MONITOR SIGN
holds() {
    expected_best "$(ls "$training"/*/log.csv | sort -V | tail -n 1)" "$@" | diff - <(ls "$training/best")
    local link
    for link in "$training"/best/epoch-*; do
        cmp "$link" "$training/$(basename "$link" | grep -o '^epoch-[0-9]*').safetensors"
    done
}

names() {
    project
    small_make local_train EPOCHS=9
    training=$(echo results/*_seed-0)
    [ ! -e "$training/best" ]
    digests >before
    small_make local_train EPOCHS=9 KEEP_BEST=3
    holds 3 val_loss 1
    cmp "$training/best/last.safetensors" "$training/epoch-009.safetensors"
    small_make -q local_train EPOCHS=9 KEEP_BEST=3
    small_make local_train EPOCHS=9 KEEP_BEST=1 MONITOR=train_loss
    holds 1 train_loss 1
    # There are ties among the accuracies.
    [ "$(tail -n +2 "$training"/*/log.csv | cut -d , -f 5 | sort | uniq -d | wc -l)" -ge 1 ]
    small_make local_train EPOCHS=9 KEEP_BEST=5 MONITOR=val_acc
    holds 5 val_acc -1
    small_make local_train EPOCHS=9 KEEP_BEST=4 MONITOR=val_acc MODE=min
    holds 4 val_acc 1
    rm "$training"/best/last.safetensors
    echo more >"$training/best/epoch-009_x.safetensors"
    ! small_make -q local_train EPOCHS=9 KEEP_BEST=4 MONITOR=val_acc MODE=min || return 1
    small_make local_train EPOCHS=9 KEEP_BEST=4 MONITOR=val_acc MODE=min
    holds 4 val_acc 1
    small_make local_train EPOCHS=12 KEEP_BEST=3
    holds 3 val_loss 1
    cmp "$training/best/last.safetensors" "$training/epoch-012.safetensors"
    # No epoch went, and nothing else changed.
    [ "$(ls "$training"/epoch-*.safetensors | wc -l)" -eq 13 ]
    small_make local_train EPOCHS=9
    rm -r "$training/best" "$training"/test-5_epochs-12 "$training"/epoch-01?.safetensors
    digests | diff before -
}

# NaN and infinity never come from training; a log may hold them all the same.
ranking() {
    mkdir -p t/r
    echo 'EPOCHS = 6' >t/r/parameters.mk
    printf 'epoch,train_loss,train_acc,val_loss,val_acc\n1,1,0,nan,0\n2,1,0,0.5,1\n3,1,0,2e-05,1\n4,1,0,0.5,0\n5,1,0,1.5,0\n6,1,0,,0\n' \
        >t/r/log.csv
    for epoch in 1 2 3 4 5 6; do echo $epoch >t/epoch-00$epoch.safetensors; done
    order() {
        "$top/src/graph/best-epochs" link "$@" t | tail -n +2 | grep -o '^epoch-[0-9]*' | xargs | sed 's/epoch-00//g'
    }
    [ "$(order 6 val_loss min)" = '3 2 4 5 1 6' ]
    [ "$(order 6 val_loss max)" = '5 2 4 3 1 6' ]
    [ "$(order 2 val_acc max)" = '2 3' ]
    [ "$(ls t/best | xargs)" = 'epoch-002_val_acc-1.0000.safetensors epoch-003_val_acc-1.0000.safetensors last.safetensors' ]
    [ "$(cat t/best/last.safetensors)" = 6 ]
}

epochs_there() {
    (cd "$training" && echo epoch-*.safetensors | sed 's/epoch-//g; s/\.safetensors//g')
}

pruned() {
    project
    export STORE=
    local small="$small FOLDS_TRAIN=1,2"
    small_make local_train EPOCHS='3 9' FOLDS_TEST='5; 3'
    training=$(echo results/*_seed-0)
    digests >before
    small_make prune EPOCHS=9 KEEP_BEST=1
    grep -q 'would be removed; the same with PRUNE=yes removes them' said
    digests | diff before -
    best=$(expected_best "$training/test-5_epochs-9/log.csv" 1 val_loss 1 | sed -n 's/^epoch-\([0-9]*\)_.*/\1/p')
    small_make prune EPOCHS=9 KEEP_BEST=1 PRUNE=yes
    [ "$(epochs_there)" = "$(printf '%s\n' 000 003 009 "$best" | sort -u | xargs)" ]
    # The listed sizes are those of what was there.
    [ "$(grep -c "^ *$(stat -c %s "$training/epoch-009.safetensors") " said)" -eq $((10 - $(epochs_there | wc -w))) ]
    small_make prune EPOCHS=9 KEEP_BEST=1
    grep -q 'nothing to remove' said
    for words in EPOCHS=9 EPOCHS=3 'EPOCHS=3 9'; do
        small_make local_train "$words"
        trained 0
        small_make -q local_train "$words"
    done
    small_make -j2 local_train EPOCHS='3 9' FOLDS_TEST='5; 3'
    trained 0
    [ "$(epochs_there | wc -w)" -le 4 ]
    make -n SMALL_DIR="$scratch/$checks/small" $small local_train EPOCHS=9 >out
    ! grep -q 'train-epoch' out || return 1
    small_make why EPOCHS=9
    ! grep 'safetensors \|log.csv ' said || return 1
    # More epochs go on from the last one, to the same bytes as if nothing had gone.
    small_make local_train EPOCHS=11
    trained 2
    cp -r "$training/test-5_epochs-11" kept
    small_make -q local_train EPOCHS=11
    # Another test fold, the same epochs: only the test.
    small_make local_train EPOCHS=11 FOLDS_TEST=3
    trained 0
    rm -r results
    small_make local_train EPOCHS=11
    for file in log.csv steps.csv predictions.tsv run.tsv test_scores.json; do
        cmp "kept/$file" "$training/test-5_epochs-11/$file"
    done
}

# What is asked for is made again: from the store, or trained.
asked_for() {
    project
    small_make local_train EPOCHS=6
    training=$(echo results/*_seed-0)
    sha256sum "$training"/epoch-002.safetensors >sum
    small_make prune EPOCHS=6 PRUNE=yes
    [ "$(epochs_there)" = '000 006' ]
    small_make local_train EPOCHS=2
    trained 0
    restored 2
    sha256sum -c sum
    small_make prune EPOCHS=6 PRUNE=yes
    small_make local_train EPOCHS=4 STORE=
    trained 2
}

# What a run that is not done needs stays, and what is being written is left alone.
unfinished() {
    project
    small_make local_train EPOCHS=4
    training=$(echo results/*_seed-0)
    small_make train EPOCHS=7
    small_make prune EPOCHS=4 PRUNE=yes
    [ "$(epochs_there)" = '000 004 005 006 007' ]
    small_make local_train EPOCHS=6
    : >"$training/.epoch-008.safetensors.1.part"
    exec {lock}<"$training/.epoch-008.safetensors.1.part"
    flock "$lock"
    ! small_make prune EPOCHS=6 PRUNE=yes || return 1
    grep -q 'is being trained; try again' said
    [ "$(epochs_there)" = '000 004 005 006 007' ]
    exec {lock}<&-
    small_make prune EPOCHS=6 PRUNE=yes
    [ "$(epochs_there)" = '000 004 006 007' ]
}

keep_after_a_run() {
    project
    small_make local_train EPOCHS=5 KEEP_BEST=2 KEEP=best
    training=$(echo results/*_seed-0)
    holds 2 val_loss 1
    [ "$(epochs_there | wc -w)" -le 4 ]
    small_make -q local_train EPOCHS=5 KEEP_BEST=2 KEEP=best
    small_make -q local_train EPOCHS=5
    small_make sweep EPOCHS='5 8' SEED='0 1' KEEP_BEST=1 KEEP=best
    holds 1 val_loss 1
    trained 11
    small_make -q sweep EPOCHS='5 8' SEED='0 1' KEEP_BEST=1 KEEP=best
    small_make -q sweep EPOCHS='5 8' SEED='0 1'
}

early_stopping() {
    project
    small_make local_train EPOCHS=9 PATIENCE=1 MONITOR=val_acc KEEP_BEST=1 KEEP=best
    training=$(echo results/*_seed-0_*)
    holds 1 val_acc -1
    epochs_there | grep -q ' 009$'
    small_make -q local_train EPOCHS=9 PATIENCE=1 MONITOR=val_acc
    small_make local_train EPOCHS=12 PATIENCE=1 MONITOR=val_acc
    cmp "$training"/test-5_epochs-9/log.csv "$training"/test-5_epochs-12/log.csv
}

refused() {
    project
    wrong() { must_fail 2 make --no-print-directory "${@:2}"; says "$1"; [ ! -e results ]; }
    wrong "KEEP_BEST: found '-1'" train KEEP_BEST=-1
    wrong "KEEP_BEST: found '1 2', expected one value" train KEEP_BEST='1 2'
    wrong 'KEEP_BEST: found several of MONITOR or MODE' train KEEP_BEST=1 MONITOR='val_loss val_acc'
    wrong "KEEP: found 'all', expected best" train KEEP=all
    wrong 'KEEP=best: KEEP_BEST says how many' local_train KEEP=best
    wrong "PRUNE: found 'y', expected yes or no" prune PRUNE=y
    # gc's KEEP is another.
    make -n gc KEEP='best 3 val_loss, last 5, tagged'
    small_make prune PRUNE=yes
    grep -q 'nothing to remove' said
}

check 'best/ holds the best and the last' names
check 'ties, and what is no number' ranking
check 'pruned epochs are not made again; more epochs go on' pruned
check 'a pruned epoch that is asked for' asked_for
check 'runs that are not done' unfinished
check 'KEEP=best' keep_after_a_run
check 'with early stopping' early_stopping
check 'wrong values' refused
done_testing
