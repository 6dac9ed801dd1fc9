#!/bin/bash
# What of results/ belongs in git, and make metrics: the committed metrics of several revisions side by side.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"
. "$top/tests/runs_lib.sh"

first=demo_filters-16_seed-0/four
second=demo_filters-32_seed-1/five
export GIT_AUTHOR_NAME=ann GIT_AUTHOR_EMAIL=ann@example.org GIT_COMMITTER_NAME=ann GIT_COMMITTER_EMAIL=ann@example.org

repository() {
    project
    git init -q .
    cp "$top/.gitignore" .
    git add . >/dev/null
    git commit -q -m code
    two_runs
}

belongs_in_git() {
    repository
    mkdir -p results/$first/.made results/demo_filters-16_seed-0/.made results/sweeps/a
    for name in .made/run.tsv ../.made/epoch-002.safetensors .log.csv.1.part predictions.tsv steps.csv roc.tsv \
        summary.txt; do
        : >results/$first/$name
    done
    : >results/sweeps/a/table.tsv
    : >results/bench.tsv
    runs tag baseline $first
    : >results/.tags/.x.1.part
    git add results
    git diff --cached --name-only >out
    for name in log.csv parameters.mk record.json run.tsv test_scores.json; do
        printf 'results/%s\n' $first/$name $second/$name
    done >expected
    echo results/.tags/baseline >>expected
    sort expected | diff - <(sort out)
}

three_revisions() {
    repository
    git add results
    git commit -q -m first
    git tag baseline
    add_run $first 16 0 0.75
    add_run demo_filters-8_seed-0/six 8 0 0.25
    rm -r results/demo_filters-32_seed-1
    git add results
    git commit -q -m second
    add_run $first 16 0 0.875
    git clone -q . ../clone
    cd ../clone
    cp -r ../project/bin ../project/build .
    find build bin -type f -exec touch {} +
    make build >/dev/null
}

compared() {
    (three_revisions)
    cd clone
    make metrics REVS='baseline HEAD' FORMAT=tsv COLUMNS=val_acc,test_acc >out
    {
        printf 'run\tval_acc@baseline\tval_acc@HEAD\tval_acc_difference\t'
        printf 'test_acc@baseline\ttest_acc@HEAD\ttest_acc_difference\n'
        printf '%s\t0.5\t0.75\t0.25\t0.5\t0.5\t0\n' $first
        printf '%s\t0.625\t-\t-\t0.5\t-\t-\n' $second
        printf 'demo_filters-8_seed-0/six\t-\t0.25\t-\t-\t0.5\t-\n'
    } | diff - out
    make metrics REVS='baseline HEAD' >out
    grep -E '^FILTERS +SEED +val_acc@baseline +val_acc@HEAD +val_acc_difference +test_acc@baseline .* id$' out
    grep -E "^ +16 +0 +0.5000 +0.7500 +0.2500 +0.5000 +0.5000 +0.0000 +$(id $first)$" out
    make metrics REVS='baseline HEAD' FORMAT=json >out
    /usr/bin/python3 -c 'import json; row = json.load(open("out"))[0]; assert len(row) == 19, len(row)
assert row["val_acc_difference"] == 0.25 and row["train_loss@HEAD"] == 1.5'
    cd ../project
    make metrics REVS='baseline HEAD .' FORMAT=csv COLUMNS=val_acc ONLY_CHANGED=yes >out
    {
        echo 'run,val_acc@baseline,val_acc@HEAD,val_acc@now,val_acc_difference'
        echo "$first,0.5,0.75,0.875,0.375"
        echo "$second,0.625,-,-,-"
        echo 'demo_filters-8_seed-0/six,-,0.25,0.25,-'
    } | diff - out
    make metrics | sed -n 1p | grep -E 'val_acc@HEAD +val_acc@now'
    make metrics REVS='HEAD .' ONLY_CHANGED=yes | wc -l | grep -qx 2
}

# refused WORDS MESSAGE
refused() {
    ! make metrics "REVS=$1" 2>said || return 1
    grep -F -- "$2" said
}

mistakes() {
    (three_revisions)
    cd project
    refused 'HEAD' 'expected two revisions or more'
    refused 'HEAD baselin' "git knows no revision 'baselin'"
    refused 'HEAD --all' "git knows no revision '--all'"
    refused 'HEAD HEAD' "the revision 'HEAD' is there twice"
    refused 'HEAD baseline~1' 'baseline~1 has no results'
    ! make metrics REVS='HEAD baseline' COLUMNS=val_ac 2>said || return 1
    grep -F "the nearest is" said
    printf 'run\tA\n' >results/$first/run.tsv
    refused 'HEAD .' 'has 0 rows, expected one'
    git add results
    git commit -q -m bad
    refused 'baseline HEAD' "$first/run.tsv: has 0 rows, expected one"
    git rm -q --cached results/$first/run.tsv
    git commit -q -m gone
    make metrics REVS='baseline HEAD' >out 2>said
    grep -F "HEAD: results/$first/log.csv has no run.tsv beside it" said
    rm results/$first/run.tsv
    must_fail 2 compare-metrics results
    must_fail 2 compare-metrics a=results results
    says "'results' is not NAME=DIRECTORY"
    must_fail 1 compare-metrics a=none b=none
    must_fail 1 sh -c 'compare-metrics a=results/demo_filters-8_seed-0 b=results/demo_filters-8_seed-0 >/dev/full'
    rm -rf .git
    refused 'HEAD .' 'this is no git repository'
}

check "git add results adds exactly what belongs in git" belongs_in_git
check "metrics of revisions, tags and the files as they are" compared
check "what is refused, and said" mistakes
done_testing
