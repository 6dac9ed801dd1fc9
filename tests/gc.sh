#!/bin/bash
# make gc: what it lists, and that nothing goes without GC=yes, nor anything that a run that is kept needs.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"

# All files, with their bytes.
everything() {
    find data/prepared data/.store results plots -type f -print0 | sort -z | xargs -0 sha256sum
}

trained_three() {
    project
    small_make test FILTERS='2 3' EPOCHS='1 2'
    two=results/*_filters-2_*
    three=results/*_filters-3_*
    # shellcheck disable=SC2086 # patterns
    two=$(echo $two) three=$(echo $three)
}

no_results() {
    project
    make gc | grep '^gc        nothing to remove$'
    small_make prepare
    make gc | grep '^gc        nothing to remove$'
}

store_only() {
    project
    small_make test
    make gc | grep '^gc        nothing to remove$'
    small_make test SEED=1
    digests >before
    du=$(stat -c %s results/*seed-1/epoch-00?.safetensors | paste -sd+ | bc)
    rm -r results/*seed-1
    everything >all
    make gc >said
    cat said
    # The three checkpoints, among other files of the run.
    [ "$(grep -c 'object .* of train-epoch\|object .* of init-model' said)" -eq 3 ]
    grep -q 'nothing was removed; the same command with GC=yes' said
    everything | diff all -
    make gc GC=no | grep -q 'nothing was removed'
    before=$(du -sb data/.store/objects | cut -f 1)
    make gc GC=yes
    after=$(du -sb data/.store/objects | cut -f 1)
    [ $((before - after)) -ge "$du" ]
    make gc | grep '^gc        nothing to remove$'
    # What stays is whole, and all that the run needs.
    find data/.store/objects -type f | awk -F/ '{ print $NF "  " $0 }' | sha256sum --quiet -c
    rm -r results
    small_make test
    trained 0
    # Only the user's rm had to be paid for.
    small_make test SEED=1
    trained 2
    digests | diff before - | grep -v plots/ | grep '^[<>]' && return 1
    rm -r data/.store results
    small_make test STORE=
    make gc STORE= | grep '^gc        nothing to remove$'
}

best_run() {
    trained_three
    # The best by val_loss, of the four, found otherwise.
    best=$(/usr/bin/python3 - results/*/*/log.csv <<'END'
import csv, sys
print(min((float(list(csv.DictReader(open(path)))[-1]["val_loss"]), path) for path in sys.argv[1:])[1])
END
    )
    best=${best%/log.csv}
    everything >all
    make gc KEEP='best 1 val_loss' >said
    cat said
    everything | diff all -
    make gc KEEP='best 1 val_loss' GC=yes
    # Exactly its training's epochs up to its last are there, and all runs' logs.
    find results -name 'epoch-*' ! -path '*/.made/*' | sort >left
    for epoch in $(seq 0 "${best##*epochs-}"); do
        echo "$(dirname "$best")/epoch-00$epoch.safetensors"
    done | diff - left
    [ "$(ls results/*/*/log.csv results/*/*/record.json results/*/*/predictions.tsv | wc -l)" -eq 12 ]
    for file in $(cat left); do
        [ -e "data/.store/objects/$(sha256sum <"$file" | cut -c 1-2)/$(sha256sum <"$file" | cut -c 1-64)" ]
    done
}

tagged() {
    trained_three
    mkdir -p results/.tags
    echo "${two#results/}/test-5_epochs-1" >results/.tags/first
    make gc KEEP=tagged GC=yes
    [ "$(find results -name 'epoch-*' ! -path '*/.made/*' | sort | xargs)" = \
        "$two/epoch-000.safetensors $two/epoch-001.safetensors" ]
}

last_run() {
    project
    small_make test FILTERS='2 3'
    # Times are whole seconds.
    sleep 1.1
    small_make test FILTERS=3 EPOCHS=1
    make gc KEEP='last 1' GC=yes
    [ "$(find results -name 'epoch-*' ! -path '*/.made/*' -printf '%f\n' | sort | xargs)" = \
        "epoch-000.safetensors epoch-001.safetensors" ]
}

being_made() {
    trained_three
    exec 7>"$three/.epoch-003.safetensors.1.part"
    flock 7
    make gc KEEP='best 0 val_loss' GC=yes >said
    cat said
    grep -q "^kept      $three, where somebody is training" said
    [ "$(ls "$three"/epoch-*.safetensors | wc -l)" -eq 3 ]
    [ -z "$(ls "$two"/epoch-*.safetensors 2>/dev/null)" ]
}

refused() {
    project
    small_make test
    everything >all
    for keep in best 'best 3' 'best x val_loss' 'last' 'last -1' 'best 1 val_los' all 'tagged twice'; do
        must_fail 2 make gc KEEP="$keep" GC=yes
        says 'make: gc: KEEP: '
    done
    must_fail 2 make gc GC=please
    says "GC: found 'please', expected yes or no"
    everything | diff all -
}

check "without runs there is nothing to remove" no_results
check "the store: what no run needs, only with GC=yes" store_only
check "KEEP=best: the others' checkpoints" best_run
check "KEEP=tagged" tagged
check "KEEP=last" last_run
check "where somebody is training nothing goes" being_made
check "a KEEP that is none is refused, and nothing goes" refused
done_testing
