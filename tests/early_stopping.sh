#!/bin/bash
# Early stopping: the epoch is the one that the log of a training without it tells, also when interrupted or prolonged.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"

# expected_stop LOG PATIENCE MIN_DELTA MONITOR MODE: "STOPPED BEST_EPOCH" (STOPPED is - if it does not), from the log alone.
expected_stop() {
    /usr/bin/python3 - "$@" <<'PYTHON'
import csv, sys
patience, delta, monitor, mode = int(sys.argv[2]), float(sys.argv[3]), sys.argv[4], sys.argv[5]
rows = [(int(row["epoch"]), float(row[monitor])) for row in csv.DictReader(open(sys.argv[1]))]
best_epoch, best = rows[0]
for epoch, value in rows[1:]:
    if (best - value if mode == "min" else value - best) > delta:
        best_epoch, best = epoch, value
    elif epoch - best_epoch >= patience:
        print(epoch, best_epoch)
        break
else:
    print("-", best_epoch)
PYTHON
}

# The training without early stopping, once for all checks: its log is ../../full.csv.
full_log() {
    small_make local_train EPOCHS=20
    cp results/*/*/log.csv "$scratch/full.csv"
}

# stops_as_expected PATIENCE MIN_DELTA MONITOR MODE WORDS...
stops_as_expected() {
    local stopped best run
    read -r stopped best < <(expected_stop "$scratch/full.csv" "$1" "$2" "$3" "$4")
    echo "$*: expected $stopped $best"
    small_make local_train EPOCHS=20 PATIENCE="$1" "${@:5}"
    run=$(dirname "$(ls -t results/*patience*/*/summary.txt | head -n 1)")
    diff <(head -n "$(($([ "$stopped" = - ] && echo 20 || echo "$stopped") + 1))" "$scratch/full.csv") "$run/log.csv"
    [ "$(awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } NR == 2 { print $at["stopped"], $at["best_epoch"] }' \
        "$run/run.tsv")" = "$stopped $best" ]
    if [ "$stopped" = - ]; then
        grep -q "^not stopped after 20 epochs, best $3 .* at epoch $best (patience $1)$" "$run/summary.txt"
    else
        grep -q "^stopped after epoch $stopped of 20, best $3 .* at epoch $best (patience $1)$" "$run/summary.txt"
        [ "$(tail -n 1 "$run/steps.csv" | cut -d , -f 1)" -eq "$stopped" ]
        [ "$(grep -c '^epoch-' "$run/times.tsv")" -eq "$stopped" ]
        for epoch in $(seq -f %03g $((stopped + 1)) 20); do
            cmp "$run/../epoch-$(printf %03d "$stopped").safetensors" "$run/../epoch-$epoch.safetensors"
        done
    fi
    small_make -q local_train EPOCHS=20 PATIENCE="$1" "${@:5}"
    [ "$(bin/runs --format=tsv --columns=state "$run" | tail -n 1)" = done ]
}

stopping_epoch() {
    project
    full_log
    stops_as_expected 1 0 val_loss min
    ls -d results/*_patience-1
    stops_as_expected 9 0 val_loss min
    stops_as_expected 2 0.05 val_loss min MIN_DELTA=0.05
    ls -d results/*_patience-2_min-delta-0.05
    stops_as_expected 3 0 val_acc max MONITOR=val_acc
    ls -d results/*_patience-3_monitor-val_acc
    stops_as_expected 2 0 train_loss max MONITOR=train_loss MODE=max
    ls -d results/*_patience-2_monitor-train_loss_mode-max
    stops_as_expected 1 0 train_acc max MONITOR=train_acc MODE=auto
    # At least one of these stopped and one did not.
    grep '^stopped' results/*patience*/*/summary.txt
    grep '^not stopped' results/*patience*/*/summary.txt
    # MODE=min is what auto means here.
    ls results >names
    small_make local_train EPOCHS=20 PATIENCE=1 MODE=min
    trained 0
    ls results | diff names -
}

# PATIENCE=0 and what goes with it change no name and no byte.
off() {
    project
    small_make local_train
    digests | grep -v plots/ >before
    ls results >names
    small_make -q local_train PATIENCE=0 MIN_DELTA=1 MONITOR=val_acc MODE=max
    small_make local_train PATIENCE=0 MONITOR='val_acc val_loss'
    ls results | diff - names
    digests | grep -v plots/ | diff - before
    ! grep -r PATIENCE results/*/*/parameters.mk results/*/*/run.tsv
}

killed_and_prolonged() {
    project
    export STORE=
    local small="$small PATIENCE=1 MONITOR=val_acc" # it stops early
    small_make local_train EPOCHS=8
    digests | grep safetensors >expected
    run=$(dirname "$(echo results/*/*/summary.txt)")
    cp "$run/log.csv" expected.csv
    [ "$(wc -l <expected.csv)" -lt 8 ]
    rm -r results
    # An epoch at a time, each cut off once.
    mv bin/train-epoch bin/train-epoch.real
    cat >bin/train-epoch <<'END'
#!/bin/bash
if [ ! -e cut ]; then : >cut; train-epoch.real "$@" | head -c 5000; kill -9 $PPID $$; fi
rm cut
exec train-epoch.real "$@"
END
    chmod +x bin/train-epoch
    touch -d '1 hour ago' bin/train-epoch
    for epochs in 1 2 3 5 8; do
        while ! small_make local_train EPOCHS=$epochs; do [ -e cut ] || return 1; done
    done
    digests | grep safetensors | diff expected -
    cmp expected.csv "$run/log.csv"
    small_make local_train EPOCHS=10
    cmp expected.csv results/*/test-5_epochs-10/log.csv
    cmp results/*/epoch-010.safetensors results/*/epoch-008.safetensors
}

tool() {
    make_fold 1.npy 1 7
    make_fold 2.npy 2 6
    init-model --filters=1 --classes=2 >0
    epoch() { train-epoch --batch-size=3 --validation=2.npy "${@:3}" 1.npy <"$1" >"$2"; }
    texts() { edit_checkpoint "$1" /dev/null 'print(*[texts.get(n, "-") for n in "monitor mode best best_epoch stopped".split()])'; }
    epoch 0 1 --patience=2 --min-delta=100
    edit_checkpoint 1 /dev/null 'assert texts["best"] == texts["val_loss"]'
    [ "$(texts 1 | cut -d ' ' -f 1,2,4,5)" = 'val_loss min 1 -' ]
    epoch 1 2 --patience=2 --min-delta=100
    epoch 2 3 --patience=2 --min-delta=100
    [ "$(texts 3)" = "$(texts 1 | cut -d ' ' -f 1-4) 3" ]
    epoch 3 4 --patience=2 --min-delta=100
    cmp 3 4
    # Without --patience it goes on, and what it knew is gone; the weights are those of a training without it.
    epoch 3 more
    [ "$(texts more)" = '- - - - -' ]
    epoch 0 a; epoch a b; epoch b c; epoch c d
    cmp d more
    # Another monitor begins anew.
    epoch 2 other --patience=1 --monitor=train_acc
    [ "$(texts other | cut -d ' ' -f 1,2,4,5)" = 'train_acc max 3 -' ]
    checkpoint-log 1 2 3 4 4 >log.csv
    [ "$(cut -d , -f 1 log.csv | xargs)" = 'epoch 1 2 3' ]
    checkpoint-log 1 >first.csv
    checkpoint-log --after=first.csv 2 3 4 | cmp - log.csv
    checkpoint-log --steps 1 2 >first.csv
    checkpoint-log --steps --after=first.csv 3 4 | cmp - <(checkpoint-log --steps 1 2 3)
    must_fail 1 checkpoint-log --after=first.csv 3; says 'has other columns'
    must_fail 1 checkpoint-log --after=missing 3; says missing
    must_fail 2 checkpoint-log; says 'operand is missing'
    checkpoint-log --stopping a 3 | paste -s -d ' ' | grep -q '^stopped=- best_epoch=- best=- stopped=3 best_epoch=1 best='
    must_fail 1 bash -c 'train-epoch --patience=2 1.npy <3 >/dev/full'; says write
    must_fail 1 bash -c 'train-epoch --batch-size=3 --patience=2 1.npy <0'; says 'no validation fold'
    must_fail 2 train-epoch --patience=-1 1.npy <0; says '0 to 9999'
    must_fail 2 train-epoch --min-delta=-1 1.npy <0; says '--min-delta'
    must_fail 2 train-epoch --min-delta=nan 1.npy <0; says '--min-delta'
    must_fail 2 train-epoch --monitor=loss 1.npy <0; says 'val_loss|val_acc'
    must_fail 2 train-epoch --mode=less 1.npy <0; says 'auto|min|max'
    damaged() {
        edit_checkpoint 3 bad "$1"
        must_fail 1 train-epoch --batch-size=3 1.npy <bad; says "$2"; [ ! -s out ]
        must_fail 1 checkpoint-log bad; says "$2"
    }
    damaged 'del texts["best"]' 'not all'
    damaged 'texts["monitor"] = "loss"' "monitor: found 'loss'"
    damaged 'texts["mode"] = "auto"' "mode: found 'auto'"
    damaged 'texts["best"] = "nan"' best
    damaged 'texts["best_epoch"] = "4"' best_epoch
    damaged 'texts["stopped"] = "2"' stopped
}

refused() {
    project
    wrong() { must_fail 2 make --no-print-directory train "${@:2}"; says "$1"; [ ! -e results ]; }
    wrong "PATIENCE: found '-1', expected a whole number from 0 to 9999" PATIENCE=-1
    wrong "PATIENCE: found '1.5'" PATIENCE=1.5
    wrong "MIN_DELTA: found '-0.1', expected a number from 0" MIN_DELTA=-0.1
    wrong "MONITOR: found 'loss', expected one of val_loss val_acc train_loss train_acc" MONITOR=loss
    wrong "MODE: found 'low', expected one of auto min max" MODE=low
    wrong 'PATIANCE: no such parameter; the nearest is PATIENCE' PATIANCE=1
}

check 'the epoch that the log tells' stopping_epoch
check 'PATIENCE=0 changes nothing' off
check 'the same when killed and when prolonged' killed_and_prolonged
check 'train-epoch and checkpoint-log' tool
check 'wrong values' refused
done_testing
