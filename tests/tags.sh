#!/bin/bash
# Tags, checkout and the table as make gives them: on two runs by hand, with no data and no training.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"
. "$top/tests/runs_lib.sh"

first=demo_filters-16_seed-0/four
second=demo_filters-32_seed-1/five

tagged() {
    two_runs
    [ "$(runs tag baseline "$(id $first)")" = "baseline  $first" ]
    printf '%s\n' $first | diff - results/.tags/baseline
    runs tag --note='wider, and why:
it was time' wide_1.0 $second
    printf '%s\nwider, and why:\nit was time\n' $second | diff - results/.tags/wide_1.0
    runs tag also $first
    runs --format=tsv --columns=run,tags results >out
    printf 'run\ttags\n%s\talso,baseline\n%s\twide_1.0\n' $first $second | diff - out
    runs results | head -n 1 | grep -q '  tags  *id$'
    [ "$(runs --filter=tags=wide_1.0 --format=tsv --columns=run results | sed -n 2p)" = $second ]
    runs tag --format=tsv >out
    printf 'tag\trun\tthere\tnote\nalso\t%s\tyes\t-\nbaseline\t%s\tyes\t-\n' $first $first >expected
    printf 'wide_1.0\t%s\tyes\twider, and why: it was time\n' $second >>expected
    diff expected out
    runs tag --remove=also
    [ "$(ls -A results/.tags | xargs)" = 'baseline wide_1.0' ]
    rm -r results/demo_filters-32_seed-1
    runs tag --format=tsv | grep -q $'^wide_1.0\t.*\tno\t'
    runs --columns=run --filter='tags!=x' results | grep -c four | grep -qx 1
}

moved() {
    two_runs
    runs tag --note=old baseline $first
    must_fail 1 runs tag baseline $second
    says "the tag 'baseline' names '$first'; --force (make: FORCE=yes) moves it"
    grep -qx $first results/.tags/baseline
    runs tag baseline $first # again: the note stays
    grep -qx old results/.tags/baseline
    runs tag --note=new baseline baseline
    printf '%s\nnew\n' $first | diff - results/.tags/baseline
    runs tag --force baseline $second
    printf '%s\n' $second | diff - results/.tags/baseline
}

refused() {
    two_runs
    local bad
    for bad in '' . .hidden ../x a/b 'a b' é "$(printf 'x%.0s' {1..101})" 'a*'; do
        must_fail 2 runs tag -- "$bad" $first
        says 'is no name for a tag'
    done
    must_fail 2 runs tag --note="$(printf 'a\001')" good $first
    says 'the note holds the control character 0x01'
    must_fail 1 runs tag good none
    must_fail 2 runs tag good
    must_fail 2 runs tag --force
    must_fail 1 runs tag --remove=good
    says "no tag is called 'good'"
    [ ! -e results/.tags ]
    must_fail 1 sh -c "runs tag good $first >/dev/full"
    runs tag --remove=good
    # bad FILE'S BYTES, MESSAGE: named wherever tags are read
    bad_file() {
        printf "$1" >results/.tags/odd
        must_fail 1 runs results
        says "results/.tags/odd: $2"
        must_fail 1 runs tag
        must_fail 1 runs show nothing
        rm results/.tags/odd
    }
    bad_file '' 'line 1 is empty, expected a run, TRAINING/RUN'
    bad_file '\nnote\n' 'line 1 is empty'
    bad_file 'a\001b\n' 'line 1 holds the control character 0x01'
    bad_file 'a/b\nnote\002' 'the note holds the control character 0x02'
    bad_file 'a/b\nx\0y' 'holds a zero byte'
    : >'results/.tags/a b'
    must_fail 1 runs results
    says "results/.tags/a b: 'a b' is no name for a tag"
    runs --format=tsv results # nobody asked for tags
    rm 'results/.tags/a b'
    head -c 100000 /dev/zero | tr '\0' x >results/.tags/long
    must_fail 1 runs tag
    says 'results/.tags/long: is longer than'
}

checked_out() {
    two_runs
    runs tag baseline $first
    local model=results/demo_filters-16_seed-0/epoch-002.safetensors sha256
    sha256=$(sha256sum <$model | cut -c -64)
    [ "$(runs checkout baseline my.safetensors)" = "my.safetensors  sha256 $sha256" ]
    cmp $model my.safetensors
    echo mine >mine
    must_fail 1 runs checkout baseline mine
    says "'mine' is there already; --force (make: FORCE=yes) replaces it"
    grep -qx mine mine
    runs checkout --force baseline mine
    cmp $model mine
    mkdir folder
    runs checkout baseline folder
    cmp $model folder/epoch-002.safetensors
    must_fail 2 runs checkout baseline none/
    must_fail 2 runs checkout baseline ''
    echo other >$model
    must_fail 1 runs checkout baseline other
    says "epoch-002.safetensors: has the sha256 $(echo other | sha256sum | cut -c -64), but the run's record $sha256"
    [ "$(find . -name other -o -name '.*.part')" = '' ]
    rm results/$first/record.json
    runs checkout baseline other | grep 'no record to compare with'
    rm $model
    must_fail 1 runs checkout baseline more
    says 'cannot open the model'
    printf 'epoch,train_loss\n' >results/$first/log.csv
    must_fail 1 runs checkout baseline more
    says 'log.csv: holds no epoch'
    must_fail 1 sh -c "runs checkout $second x >/dev/full"
    [ "$(find . -name '.*.part')" = '' ]
}

by_make() {
    project
    two_runs
    make runs >out
    head -n 1 out | grep -E '^FILTERS +SEED +train_loss .* id$'
    grep -q '^next     make runs SORT=val_acc' out
    make runs FILTER='filters>16 seed=1' FORMAT=csv COLUMNS=run,filters SORT=val_acc REVERSE=yes TOP=1 >out
    printf 'run,FILTERS\n%s,32\n' $second | diff - out
    COLUMNS=80 make runs GROUP_BY=seed,filters FORMAT=tsv >out
    head -n 1 out | grep -qP '^DATASET\truns\ttrain_loss_n'
    make tag RUN="$(id $first)" NAME=baseline NOTE="it's \"old\""
    [ "$(sed -n 2p results/.tags/baseline)" = "it's \"old\"" ]
    make tags | grep baseline
    ! make tag RUN=$second NAME=baseline 2>said || return 1
    grep -q 'FORCE=yes' said
    make tag RUN=$second NAME=baseline FORCE=yes
    make checkout RUN=baseline TO=a.safetensors
    cmp a.safetensors results/demo_filters-32_seed-1/epoch-002.safetensors
    make untag NAME=baseline
    make tags >out
    [ "$(wc -l <out)" -eq 1 ]
    # refused WORDS MESSAGE
    refused_by_make() {
        ! make $1 2>said || return 1
        grep -F -- "$2" said
    }
    refused_by_make 'tag NAME=x' 'RUN: is missing, as in make tag RUN='
    refused_by_make 'untag' 'NAME: is missing'
    refused_by_make 'checkout RUN=x' 'TO: is missing'
    refused_by_make 'runs SORTS=run' 'SORTS: make runs has no such parameter; it takes FILTER SORT'
    refused_by_make 'runs EPOCHS=3' 'EPOCHS: make runs has no such parameter'
    refused_by_make 'local_train FILTER=8' 'FILTER: no such parameter; the nearest is FILTERS'
    refused_by_make 'runs SORT=val_ac' "the nearest is 'val_acc'"
    rm -r results
    refused_by_make runs 'results/ holds no run yet; make local_train makes one'
}

check 'tags: files, the column, the table' tagged
check 'a tag moves only when forced' moved
check 'names, notes and files that are none' refused
check "checkout: the run's model, by its digest" checked_out
check 'make runs, tag, tags, untag, checkout' by_make
done_testing
