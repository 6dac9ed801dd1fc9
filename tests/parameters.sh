#!/bin/bash
# Parameters: what is refused, and how.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"

# refused TEXT ARGUMENT...: make stops before it makes anything, in one line that holds TEXT.
refused() {
    local text=$1
    shift
    must_fail 2 make --no-print-directory train "$@"
    [ "$(wc -l <err)" -eq 1 ]
    says "$text"
    [ ! -e data ] && [ ! -e results ]
}

values() {
    project
    refused "FILTERS: found '0', expected a whole number from 1 to 256" FILTERS=0
    refused "FILTERS: found '-1'" FILTERS=-1
    refused "FILTERS: found '1e9'" FILTERS=1e9
    refused "FILTERS: found 'abc'" FILTERS='8 abc'
    refused "LEARNING_RATE: found '0', expected a number from 1e-9 to 1" LEARNING_RATE=0
    refused "LEARNING_RATE: found 'nan'" LEARNING_RATE=nan
    refused "EPOCHS: found '0'" EPOCHS=0
    refused "EPOCHS: found ''" EPOCHS=
    refused "SEED: found '9007199254740993'" SEED=9007199254740993
    refused "ENGINE: found 'fast', expected one of exact openblas" ENGINE=fast
    refused "FOLDS_TRAIN: found '0', expected a whole number from 1 to 999" FOLDS_TRAIN='0 1'
    refused "FOLDS_TRAIN and FOLDS_VAL: fold 3 is in both" FOLDS_VAL=3
    refused "FOLDS_VAL and FOLDS_TEST: fold 5 is in both" FOLDS_VAL='4; 4 5'
    refused "DATASET: found '../x'" DATASET=../x
    refused "THREADS: found '1 2', expected one value" THREADS='1 2'
    refused "FILTERS: found '\$\$(shell'" 'FILTERS=$$(shell echo 3)'
    refused "FILTERS: found ''8;'" "FILTERS='8; touch data'"
    refused "expected at most 1000" SEED="$(seq -s ' ' 1001)"
}

names() {
    project
    refused "FILTER: no such parameter; the nearest is FILTERS" FILTER=8
    refused "EPOCH: no such parameter; the nearest is EPOCHS" EPOCH=3
    refused "LERNING_RATE: no such parameter; the nearest is LEARNING_RATE" LERNING_RATE=0.1
    refused "MINE_DIR: no such parameter" MINE_DIR=/
    make help FILTER=8 >out
    grep -q '^  FILTERS  *16 ' out
}

files() {
    project
    refused "PARAMS: no file 'my.mk'" PARAMS=my.mk
    printf '# mine\nFILTERS = 4 # few\nEPOCHS := 2\nSEED ?= 3\n' >my.mk
    make -n PARAMS=my.mk EPOCHS=1 train >out
    grep -q 'init-model --filters=4 .* --seed=3 ' out
    ! grep -q epoch-002 out
    echo 'EPOCH = 3' >>my.mk
    refused "my.mk:5: EPOCH: no such parameter; the nearest is EPOCHS" PARAMS=my.mk
}


missing_data() {
    project
    ! make data DATASET=mine >out 2>&1
    grep -q "found 'mine', but no folder data/mine; expected MINE_DIR=FOLDER" out
    ! make data DATASET=mine MINE_DIR=/nowhere >out 2>&1
    grep -q "MINE_DIR: found no folder '/nowhere'" out
    ! small_make prepare FOLDS_TEST=9
    grep -q 'found no clip of fold 9, expected one of 1 2 3 4 5' said
    [ -z "$(find data results -name '*.part' 2>/dev/null)" ]
}

diverging() {
    project
    printf '#!/bin/sh\necho "train-epoch: the loss is not finite" >&2\nexit 1\n' >bin/train-epoch
    touch -d '1 hour' bin/train-epoch
    ! small_make train
    grep -qx 'train-epoch: the loss is not finite' said
    ! ls results/*/epoch-001.safetensors
    [ -z "$(find results -name '*.part')" ]
}

check "bad values are refused" values
check "unknown names are refused, with the nearest" names
check "a file of parameters" files
check "a data set that is not there" missing_data
check "a failing tool leaves nothing half made" diverging
done_testing
