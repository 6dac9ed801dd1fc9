#!/bin/bash
# The graph: what is made again when something changes, and what is not.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"

second_make_runs_nothing() {
    project
    small_make local_train
    trained 2
    grep -q '^sha256   [0-9a-f]*$' said
    small_make -q local_train
    small_make local_train
    grep -qx "make: Nothing to be done for 'local_train'." said
    [ "$(wc -l <said)" -eq 1 ]
}

# made STAGES COMMAND...: the stages of which make said something.
made() {
    local expected=$1 found
    shift
    small_make "$@"
    found=$(awk '/^(data|prepare|train|test) /{ print $1 }' said | uniq | sort -u | xargs)
    [ "$found" = "$expected" ] || { echo "$*: made '$found', expected '$expected'"; return 1; }
}

each_parameter_its_own_steps() {
    project
    made 'data prepare test train' local_train
    made 'test train' local_train EPOCHS=3
    trained 1
    made 'test' local_train EPOCHS=1
    made 'test train' local_train FILTERS=3
    made 'test train' local_train BATCH_SIZE=4
    made 'test train' local_train LEARNING_RATE=0.001
    made 'test train' local_train SEED=1
    made 'test train' local_train ENGINE=openblas
    made 'test train' local_train FOLDS_TRAIN='1 2'
    made 'test train' local_train FOLDS_TRAIN='1 2' FOLDS_VAL=3
    made 'test' local_train FOLDS_TRAIN='1 2' FOLDS_TEST=3
    made 'prepare test train' local_train SAMPLE_RATE=4000
    made 'prepare test train' local_train CLIP_SECONDS=0.4
    made 'prepare test train' local_train N_FFT=128
    made 'prepare test train' local_train HOP_LENGTH=16
    made 'prepare test train' local_train N_MELS=8
    made 'prepare test train' local_train TOP_DB=60
    made '' local_train THREADS=1
    made '' local_train FOLDS_TRAIN='3,2 1 1' LEARNING_RATE=3e-4 FILTERS=02
}

touching_trains_nothing() {
    project
    small_make local_train
    digests >before
    sleep 0.01
    touch src/*.c include/*.h src/tool/*.c params.mk Makefile data/prepared/small/*.tsv \
        bin/* "$scratch/$checks"/small/audio/*
    echo '# a comment' >>params.mk
    sed -i '1i /* a comment */' src/training.c src/tool/train-epoch.c
    small_make local_train
    ! grep -E '^(prepare|train|test) ' said
    small_make -q local_train
    digests | cmp - before
}

# Nor are objects and tools made again by a touch; but by another byte of a source, a header, or of what was made.
touching_compiles_nothing() {
    project
    make build
    sleep 0.01
    touch src/*.c src/*/*.c include/*.h build/flags.txt
    make build >said
    cat said
    ! grep -E '^(compile|link) ' said
    make -q build
    echo '/* a comment */' >>include/recipe.h
    echo damaged >>build/error.o
    sleep 0.01
    touch src/error.c
    make build >said
    cat said
    grep -qx 'compile *src/recipe.c' said
    grep -qx 'compile *src/error.c' said
    ! grep -q 'src/random.c' said
    make -q build
}

deleted_file_is_made_again() {
    project
    export STORE=
    small_make local_train
    digests >before
    rm data/prepared/small/*/fold-2.npy
    small_make local_train
    grep -q '^prepare *small fold 2 ' said
    ! grep '^train ' said
    rm results/*/epoch-001.safetensors
    small_make local_train
    trained 1
    digests | cmp - before
}

changed_data_is_noticed() {
    project
    small_make local_train
    local folder=$scratch/$checks/small
    sound=$(find "$folder/audio" -name '2-*' | sort | sed -n 1p)
    cp "$(find "$folder/audio" -name '1-*' | sort | sed -n 1p)" "$sound"
    small_make local_train
    [ "$(grep -c '^prepare ' said)" -eq 1 ]
    grep -q '^prepare *small fold 2 ' said
    trained 2
    sed -i "/^$(basename "$sound")/d" "$folder"/meta/*.csv
    rm "$sound"
    small_make local_train
    [ "$(grep -c '^prepare ' said)" -eq 1 ]
    trained 2
}

parameters_come_back() {
    project
    small_make local_train LEARNING_RATE=0.002 FOLDS_TRAIN='1 2' SEED=7
    file=$(find results -name parameters.mk ! -path '*/.made/*')
    make -q local_train PARAMS="$file" >out 2>&1 || { cat out; return 1; }
}

hundreds_of_epochs() {
    project
    small_make test EPOCHS=500 FILTERS=1 FOLDS_TRAIN=1
    [ "$(wc -l <"$(echo results/*/*/log.csv)")" -eq 501 ]
    small_make -q test EPOCHS=500 FILTERS=1 FOLDS_TRAIN=1
}

folder_with_spaces() {
    project
    mv "$scratch/$checks/small" "$scratch/$checks/my 'own' sounds"
    # shellcheck disable=SC2086 # a list of words
    make $small SMALL_DIR="$scratch/$checks/my 'own' sounds" prepare
    # shellcheck disable=SC2086
    make $small -q prepare
}

dag_names_every_stage() {
    project
    make dag >out
    for stage in data prepare train test plot; do grep -q "^  $stage " out || return 1; done
    grep -q 'epoch-004.safetensors: .*epoch-003.safetensors .*bin/train-epoch' out
}

check "a second make runs nothing" second_make_runs_nothing
check "each parameter makes exactly its own steps again" each_parameter_its_own_steps
check "touched files and comments train nothing" touching_trains_nothing
check "touched sources compile nothing" touching_compiles_nothing
check "a deleted file is made again, with the same bytes" deleted_file_is_made_again
check "changed data: only its fold is prepared again" changed_data_is_noticed
check "the parameters stored with a run make that run" parameters_come_back
check "hundreds of epochs" hundreds_of_epochs
check "a data set's folder may have any name" folder_with_spaces
check "dag shows the graph" dag_names_every_stage
done_testing
