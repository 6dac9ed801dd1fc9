# Test helper for kills and failed writes: what must hold after them. Source it after tests/project.sh; a check starts
# with `faults_project`. GOALS: a make target (with its parameters) to use instead of the usual ones.
injector=$top/build/tests/fault_injector
[ -x "$injector" ] || { echo "Bail out! found no $injector; try: make build/tests/fault_injector"; exit 1; }
if [ -n "${GOALS-}" ]; then
    goals=("$GOALS")
else
    goals=(data prepare train local_train '-j2 sweep FILTERS=2,3 EPOCHS=1,2' train_loss.pdf)
fi
made=(data results plots/.made plots/selection.txt)

# With the run cache and without it, where there is one.
stores=('')
! grep -q '^STORE' "$top/Makefile" || stores=(STORE= STORE=data/.store)

# faults_project STORE: a project in which `goal` makes things with that knob. Everything it starts holds a lock on
# ./alive, so that it is known when the last process is gone, whoever was killed.
faults_project() {
    project
    knobs=($1)
    calls=() seconds=()
    : >alive
}

# Sets `words` to the goal with that number; a comma stands for a space within a value.
goal() {
    local word
    words=(SMALL_DIR="$scratch/$checks/small" "${knobs[@]}")
    # shellcheck disable=SC2206 # lists of words
    words+=($small)
    for word in ${goals[$1]}; do words+=("${word//,/ }"); done
}

# make of the words, after the programs that are given; what it says is left in `said`.
run_make() {
    { flock -s 9 && "$@" make "${words[@]}"; } 9>>alive >said 2>&1
}

# Until nobody who was started is left.
all_gone() {
    flock -w 60 alive true || { echo "processes live on after a minute"; return 1; }
}

remove_made() {
    rm -rf "${made[@]}" plots/*.pdf plots/*.png plots/.*.part
}

# Paths of all files but the run cache's, whose names are their digests.
listing() {
    find data results plots -type f ! -path 'data/.store/*' ! -name times | sort
}

# reference NUMBER: makes the goal from nothing; keeps digests, paths and the tree itself, and how much there was to do.
reference() {
    local started=${EPOCHREALTIME/./}
    goal "$1"
    remove_made
    run_make "$injector" --list=calls || { cat said; return 1; }
    seconds[$1]=$((${EPOCHREALTIME/./} - started))
    calls[$1]=$(wc -l <calls)
    mkdir -p data/prepared results
    digests >"digests.$1"
    listing >"listing.$1"
    mkdir "tree.$1"
    cp -a data results plots "tree.$1"
}

# whole NUMBER: every file that has its name now has the bytes that it will have; nobody may be at work.
whole() {
    mkdir -p data/prepared results
    digests | grep -vxF -f "digests.$1" | grep -v ' -$' >half || return 0
    echo "half made or wrong: $(cat half)"
    return 1
}

# sound NUMBER: everything is made, nothing else is there, nothing is left to do, and the run cache tells the truth.
# What a killed step leaves is removed by the next step, unless somebody still holds it: the tools of a pipe, which end
# a moment later, or, with `twins` set, another step that makes the same file for a make that was killed alone. Such a
# part may then lie beside the finished file; nobody believes it.
sound() {
    mkdir -p data/prepared results
    digests | diff "digests.$1" - || return 1
    listing | comm -13 "listing.$1" - | awk -v twins="${twins-}" '!/\.part$/ || /\.made\// && !twins' >left
    [ ! -s left ] || { echo "left over: $(cat left)"; return 1; }
    make -q "${words[@]}" >out 2>&1 || { cat out; echo "make -q: something is left to do"; return 1; }
    true_store
}

true_store() {
    [ -d data/.store/objects ] || return 0
    (cd data/.store/objects && find . -type f ! -name '.*' -printf '%f  %p\n' | sha256sum --quiet -c -) || return 1
    find data/.store -type f ! -name "${twins:+.*.part}" |
        awk '!/\/(objects|steps)\/[0-9a-f][0-9a-f]\/[0-9a-f]*$/' >left
    [ ! -s left ] || { echo "the run cache holds something else: $(cat left)"; return 1; }
}
