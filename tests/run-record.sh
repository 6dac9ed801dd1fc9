#!/bin/bash
# run-record: one row from a log and its scores, and what must be refused.
. "$(dirname "$0")/lib.sh"

inputs() {
    printf 'epoch,train_loss,train_acc,val_loss,val_acc\n1,2.25,0.125,2.5,0.0625\n2,2.10,1e-1,2.250000001,0.25\n' \
        >log.csv
    printf '{\n    "test_acc": 0.250000000,\n    "test_loss": 2.3e+00,\n    "correct": 20,\n    "total": 80\n}\n' \
        >scores.json
}

record() {
    run-record --name=first --log=log.csv --scores=scores.json "$@"
}

known_row() {
    inputs
    record DATASET=demo 'FOLDS_TRAIN=1 2 3' NOTE=a=b EMPTY= >out
    printf 'run\tDATASET\tFOLDS_TRAIN\tNOTE\tEMPTY\ttrain_loss\ttrain_acc\tval_loss\tval_acc\ttest_loss\ttest_acc\n' \
        >expected
    printf 'first\tdemo\t1 2 3\ta=b\t\t2.10\t1e-1\t2.250000001\t0.25\t2.3e+00\t0.250000000\n' >>expected
    diff expected out
    mkdir first
    mv out first/run.tsv
    runs --format=tsv --columns=run,FOLDS_TRAIN,EMPTY,test_acc first | tail -1 >found
    printf 'first\t1 2 3\t-\t0.250000000\n' | diff - found
}

without_validation() {
    inputs
    printf 'epoch,train_loss,train_acc,val_loss,val_acc\n1,2,0.5,,' >log.csv
    record | tail -1 >out
    printf 'first\t2\t0.5\t\t\t2.3e+00\t0.250000000\n' | diff - out
}

# refused MESSAGE: the files as they are now
refused() {
    must_fail 1 record SEED=0
    says "$1"
    inputs
}

bad_logs() {
    inputs
    local head='epoch,train_loss,train_acc,val_loss,val_acc'
    : >log.csv; refused 'log.csv: is empty'
    echo $head >log.csv; refused 'log.csv: holds no epoch'
    printf 'epoch,loss\n1,2\n' >log.csv; refused 'log.csv: has other columns'
    printf '%s\n1,2,3,4\n' $head >log.csv; refused 'log.csv: line 2: has 4 fields, expected 5'
    printf '%s\n1,nan,3,4,5\n' $head >log.csv; refused "log.csv: line 2, column 'train_loss': 'nan' is not a number"
    printf '%s\n1,,3,4,5\n' $head >log.csv; refused "log.csv: line 2, column 'train_loss': '' is not a number"
    printf '%s\n1,2,3,4,x\n2,2,3,4,5\n' $head >log.csv; refused "log.csv: line 2, column 'val_acc': 'x' is not a number"
    printf '%s\n2,2,3,4,5\n1,2,3,4,5\n' $head >log.csv; refused "log.csv: line 3, column 'epoch': 1 is out of range"
    rm log.csv; refused "cannot open 'log.csv'"
}

bad_scores() {
    inputs
    : >scores.json; refused 'scores.json: line 1'
    echo '{"test_acc": 0.5' >scores.json; refused 'scores.json: line 2'
    echo '{"test_acc": 0.5}' >scores.json; refused "scores.json: has no number 'test_loss'"
    echo '{"test_acc": "0.5", "test_loss": 1}' >scores.json; refused "scores.json: has no number 'test_acc'"
    echo '[1, 2]' >scores.json; refused "scores.json: has no number 'test_loss'"
    echo '{"test_acc": 1, "test_loss": NaN}' >scores.json; refused 'scores.json: line 1'
    echo '{"test_acc": 1, "test_acc": 2, "test_loss": 1}' >scores.json; refused 'scores.json: line 1'
    echo '{"x": {"test_acc": 3}, "test_acc": 1, "test_loss": 1}' >scores.json
    refused "'test_acc' is not written plainly"
    printf '{"test_acc": 1, "test_loss": 1}\0' >scores.json; refused 'scores.json: is not a JSON text'
    head -c 100000 /dev/zero | tr '\0' ' ' >scores.json; refused 'scores.json: is not a JSON text'
    rm scores.json; refused "cannot read 'scores.json'"
}

bad_parameters() {
    inputs
    local bad
    for bad in SEED =0 'A B=1' 'A-B=1' ''; do
        must_fail 2 record "$bad"
        says 'is not NAME=VALUE'
    done
    for bad in run=1 seconds=1 val_acc=1; do
        must_fail 2 record $bad
        says 'would be there twice'
    done
    must_fail 2 record SEED=0 SEED=1
    says "the column 'SEED' would be there twice"
    record SEED=0 SEED2=1 SEE=2
    must_fail 2 record "$(printf 'A=1\t2')"
    says 'holds a control character'
    must_fail 2 run-record --log=log.csv --scores=scores.json
    says '--name, --log and --scores must be given'
    must_fail 2 run-record --name= --log=log.csv --scores=scores.json
    must_fail 2 run-record "--name=$(printf 'a\nb')" --log=log.csv --scores=scores.json
    must_fail 1 sh -c 'run-record --name=x --log=log.csv --scores=scores.json >/dev/full'
    says 'No space left on device'
}

check 'every number keeps its text, and runs reads the row' known_row
check 'without validation' without_validation
check 'bad logs' bad_logs
check 'bad scores' bad_scores
check 'bad parameters, options, a full disk' bad_parameters
done_testing
