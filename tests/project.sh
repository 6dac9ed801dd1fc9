# Test helper for the graph: a copy of the project with the tools that are built already, and a data set so small that a
# run takes a second. Source it after tests/lib.sh; each check starts with `project`.

# Makes a copy of the project's files in ./NAME (default: project), with bin/ and build/, and goes there.
project() {
    local name=${1-project}
    mkdir "$name"
    # Not the runs that are made or committed here.
    (cd "$top" && git ls-files -z --cached --others --exclude-standard -- . ':!results' | tar -cf - --null -T -) |
        tar -xf - -C "$name"
    mkdir "$name/build"
    # Not what is large: the libraries of aarch64.sh, Python with its packages, what verify made again.
    find "$top/build" -mindepth 1 -maxdepth 1 ! -name aarch64 ! -name venv ! -name verify -exec cp -a -t "$name/build" {} +
    cp -a "$top/bin" "$name/"
    cd "$name"
    bin/synth-clips --clips-per-class=10 --sample-rate=8000 --seconds=0.5 "$scratch/$checks/small"
}

# make with the small data set and network; what it says is left in `said`.
small="DATASET=small SAMPLE_RATE=2000 CLIP_SECONDS=0.5 N_FFT=64 HOP_LENGTH=32 N_MELS=16 FILTERS=2 EPOCHS=2"
small_make() {
    local status=0
    # shellcheck disable=SC2086 # a list of words
    make SMALL_DIR="$scratch/$checks/small" $small "$@" >said 2>&1 || status=$?
    cat said
    return $status
}

# The sha256 of everything that must not depend on time, place or threads.
digests() {
    find data/prepared results plots -type f ! -path '*/.made/*' ! -name '*.part' ! -name 'times.tsv' ! -name '*.gp' \
        ! -name environment.json ! -name code.diff -print0 | sort -z | xargs -0 sha256sum
}

# trained NUMBER: that many epochs were trained, as the last make said.
trained() {
    local found
    found=$(grep -c '^train .* s$' said || true)
    [ "$found" -eq "$1" ] || { echo "$found epochs trained, expected $1"; return 1; }
}

# restored NUMBER: that many epochs came from the store.
restored() {
    local found
    found=$(grep -c '^train .* restored$' said || true)
    [ "$found" -eq "$1" ] || { echo "$found epochs restored, expected $1"; return 1; }
}
