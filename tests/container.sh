#!/bin/bash
# shellcheck disable=SC1091,SC2016,SC2154,SC2164
# The container: the bytes that it makes, that it is built again to the same files, what it may not do, its errors.
# Needs root, a running Docker, podman and the configured Debian mirror; ten minutes and 6 GB. Base images are made with
# mmdebstrap, as no registry is asked. `make check-container` runs it, `make check` does not.
. "$(dirname "$0")/lib.sh"

project="$scratch/two words/bitfast"
host=$scratch/host
user=12345
rootless=bitfast-test-$$
export IMAGE=bitfast-test-$$ BASE=localhost/bitfast-test-base:bookworm CONTAINER=docker APT_SOURCE=
unset TAG RUN_TARGET BUILD_FLAGS RUN_FLAGS MAKEFLAGS SOURCE_DATE_EPOCH
had_build_cache=$(docker system df --format '{{.Type}} {{.Size}}' | grep -c '^Build Cache [1-9]')

# Limits and a runtime with which podman also works where it is itself in a container.
export CONTAINERS_CONF=$scratch/containers.conf
cat >"$CONTAINERS_CONF" <<'END'
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
END

podman_store() {
    echo "podman --root $scratch/$1/images --runroot $scratch/$1/run"
}

tidy() {
    local store
    docker ps -q --filter "ancestor=$IMAGE" | xargs -r docker kill >/dev/null
    docker images --format '{{.Repository}}:{{.Tag}}' | grep "^$IMAGE:\|^localhost/bitfast-test-base:" |
        xargs -r docker rmi -f >/dev/null
    ((had_build_cache > 0)) || docker builder prune --force >/dev/null
    for store in one two full; do
        [ ! -d "$scratch/$store" ] || $(podman_store $store) system reset --force >/dev/null 2>&1
        umount "$scratch/$store/images/overlay" "$scratch/$store" 2>/dev/null
    done
    if id "$rootless" >/dev/null 2>&1; then
        as_rootless podman --storage-driver overlay system reset --force >/dev/null 2>&1
        as_rootless podman system migrate >/dev/null 2>&1 # ends its waiting process
        userdel --force "$rootless" 2>/dev/null
    fi
    umount "$project/results" 2>/dev/null
    # Never remove what is still mounted.
    ! grep -q " $scratch/" /proc/mounts && rm -rf "$scratch"
}
trap tidy EXIT

# --- Preparation ------------------------------------------------------------------------------------------------------
# The mirrors in /etc/apt as lines of a sources.list, for another suite than this machine's.
mirrors() {
    local files
    files=$(ls /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true)
    # shellcheck disable=SC2086
    awk '
        /^deb / { sub(/\[.*\] */, ""); print }
        /^URIs:/ { uri = $2 }
        /^Suites:/ { n = split($0, suites, " ") }
        /^Components:/ { for (i = 2; i <= n; i++) print "deb " uri " " suites[i] " main" }' $files |
        sed "s/bookworm/$1/" | paste -s -d ';'
}

# $1: a suite of Debian. What mmdebstrap takes over from this machine is removed.
make_base() {
    # shellcheck disable=SC2016
    mirrors "$1" | tr ';' '\n' | SOURCE_DATE_EPOCH=1789689600 mmdebstrap --quiet --variant=minbase \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --customize-hook='rm -rf "$1"/etc/hostname "$1"/etc/resolv.conf "$1"/etc/apt/sources.list*' \
        "$1" "$scratch/$1.tar" -
    docker import "$scratch/$1.tar" "localhost/bitfast-test-base:$1"
}

# The files of the project as they are, without its results.
copy_project() {
    mkdir -p "$1"
    (cd "$top" && git ls-files -z --cached --others --exclude-standard -- . ':!results' | xargs -0 cp --parents -t "$1")
}

in_project() {
    (cd "$project" && "$@")
}

# sha256 of all results and figures but what says when, where and with which tools they were made.
sums() {
    (cd "$1" && find results plots -type f ! -name times.tsv ! -name record.json ! -name environment.json \
        ! -name code.diff ! -path '*/.made/*' -print0 | sort -z | xargs -0 sha256sum)
}

numbers() {
    sums "$1" | grep -v ' plots/'
}

forget() {
    rm -rf "$project"/{data,results,plots/.made} "$project"/plots/*.{pdf,png,txt}
}

on_the_host() {
    copy_project "$host"
    cd "$host" && make build && make local_train EPOCHS=2
}

same_as_the_host() {
    diff <(sums "$host") <(sums "$project")
    [ "$(sums "$project" | wc -l)" -ge 15 ]
}

copy_project "$project"
check "a base image of Debian 12 is made" make_base bookworm
APT_SOURCE=$(mirrors bookworm)
check "the pipeline on the host" on_the_host

# --- Errors: one line each, beside make's own -------------------------------------------------------------------------
fails() {
    (cd "$project" && must_fail 2 make "${@:2}" && says "$1")
}

no_engine() {
    local program
    mkdir -p "$scratch/path"
    for program in bash sh make sed awk grep cat id; do ln -sf "$(command -v $program)" "$scratch/path/"; done
    fails "found neither docker nor podman" run CONTAINER= PATH="$scratch/path"
    fails "found no command 'no-such-engine'" image CONTAINER=no-such-engine
}

not_running() {
    (export DOCKER_HOST=unix:///nowhere.sock; fails "Cannot connect to the Docker daemon" image)
}

no_image() {
    fails "has no image $IMAGE:" run
    fails "has no image $IMAGE:" run_cli
    fails "has no image $IMAGE:" packages
}

no_mirror() {
    fails "install:" image APT_SOURCE="deb http://127.0.0.1:9/debian bookworm main"
    fails "expected APT_SOURCE" image APT_SOURCE=
}

interrupted_build() {
    local job
    cd "$project"
    set -m
    env --default-signal=INT make image BUILD_FLAGS=--no-cache >"$scratch/out" 2>"$scratch/err" &
    job=$!
    set +m
    sleep 5
    kill -INT -- "-$job"
    ! wait "$job"
    cat "$scratch/err"
    grep -q '^make: interrupted; no image was made' "$scratch/err"
    [ -z "$(docker images -q "$IMAGE")" ]
}

disk_full() {
    mkdir -p "$scratch/full"
    mount -t tmpfs -o size=200m tmpfs "$scratch/full"
    $(podman_store full) import -q "$scratch/bookworm.tar" "$BASE"
    fails "disk full" image CONTAINER="$(podman_store full)"
}

check "error: no engine" no_engine
check "error: the engine does not run" not_running
check "error: no image" no_image
check "error: no mirror" no_mirror
check "error: interrupted build" interrupted_build
check "error: disk full while building" disk_full

# --- Docker -----------------------------------------------------------------------------------------------------------
image_made() {
    in_project make image | tee "$scratch/built"
    grep "^built $IMAGE" "$scratch/built"
}

image_again() {
    [ -z "$(in_project make image 2>&1)" ]
    (cd "$project" && touch src/*.c && [ -z "$(make image 2>&1)" ])
}

lock_differs() {
    sed -i 's/^make\t.*/make\t0.1\tamd64/' "$project/src/packages.lock"
    in_project make packages >out 2>err
    cat err
    grep -q '^make.4' out
    cp "$top/src/packages.lock" "$project/src/packages.lock"
    grep 'make: found 4.*, expected 0.1' err
}

changed_source() {
    echo '// changed' >>"$project/src/scores.c"
    fails "has no image $IMAGE:" run
    cp "$top/src/scores.c" "$project/src/scores.c"
    [ -z "$(in_project make image 2>&1)" ]
}

run_as_caller() {
    chown -R $user:$user "$project"
    chmod 755 "$scratch"
    (cd "$project" && setpriv --reuid=$user --regid=$user --groups="$(getent group docker | cut -d: -f3)" \
        env HOME="$scratch" make run EPOCHS=2)
    same_as_the_host
    [ -z "$(find "$scratch/two words" -mindepth 1 ! -uid $user -print -quit)" ]
    [ -z "$(find "$scratch/two words" -mindepth 1 ! -gid $user -print -quit)" ]
}

# A file that is made again is another inode.
inodes() {
    (cd "$host" && find data results plots -type f ! -path '*/.made/*' -printf '%p %i\n' | sort)
}

run_after_host() {
    inodes >before
    (cd "$host" && make run EPOCHS=2)
    inodes | diff before -
    (cd "$host" && make -q local_train EPOCHS=2)
}

parameters_passed() {
    chown -R 0:0 "$project"
    cd "$project"
    printf 'FILTERS = 4\nN_MELS = 32\n' >"$scratch/mine.mk"
    make run PARAMS="$scratch/mine.mk" EPOCHS="1 2" >out
    cat out
    ls -d results/*mels-32*filters-4*/test-5_epochs-1 results/*mels-32*filters-4*/test-5_epochs-2
    EPOCHS=1 make run FILTERS=2
    ls -d results/*filters-2*/test-5_epochs-1
    fails "the nearest is FILTERS" run FILTER=8
    fails "make data DATASET=esc10" run DATASET=esc10
}

own_data() {
    cd "$project"
    cp -a data/demo "$scratch/my sounds"
    make run DATASET=mine MINE_DIR="$scratch/my sounds" EPOCHS=1 FILTERS=4 RUN_TARGET=prepare
    [ -L data/mine ] && ls data/prepared/mine/*/fold-5.npy
    # The link of the run before, without MINE_DIR; and one that is relative.
    make run DATASET=mine RUN_TARGET=prepare
    make run DATASET=mine MINE_DIR="$scratch/my sounds" RUN_TARGET=prepare
    mv data/demo other && ln -s ../other data/theirs
    make run DATASET=theirs RUN_TARGET=prepare
    cmp data/prepared/mine/*/fold-5.npy data/prepared/theirs/*/fold-5.npy
    mv other data/demo
    rm data/theirs
}

ends_on_interrupt() {
    local job
    forget
    cd "$project"
    set -m
    env --default-signal=INT make run EPOCHS=2 >"$scratch/out" 2>"$scratch/err" &
    job=$!
    set +m
    for _ in $(seq 100); do grep -q 'epoch 001' "$scratch/out" && break; sleep 0.2; done
    kill -INT -- "-$job"
    ! timeout 10 tail --pid=$job -f /dev/null
    ! wait "$job"
    cat "$scratch/err"
    [ -z "$(docker ps -q --filter "ancestor=$(docker images -q "$IMAGE" | head -1)")" ]
    [ -z "$(find . -name '*.part')" ]
    make run EPOCHS=2
    same_as_the_host
}

# What is typed into run_cli. The shell's prompt and errors are kept apart from what the commands print: the engine sends
# the two streams in no certain order.
inside() {
    (cd "$project" && echo "$1" | make run_cli) >out 2>err
    cat err out
    grep -q "^$2\$" out
}

shell_says() {
    inside 'log-mel --help; echo "$PWD" done' '/bitfast done'
    grep -q '^bitfast in the container' out
}

no_network() {
    inside 'exec 3<>/dev/tcp/203.0.113.1/80 || echo un"reachable"; ls /sys/class/net | tr "\n" .' unreachable
    grep -q '^lo\.' out
}

no_write() {
    inside 'for d in / /bitfast /bitfast/src /etc /usr /var/tmp /run /home
        do touch $d/x 2>/dev/null && echo wrote $d; done
        touch /bitfast/results/x && echo fin"ished"' finished
    ! grep wrote out
    rm "$project/results/x"
}

no_more_rights() {
    inside 'find / -xdev -perm /6000 -type f 2>/dev/null | grep . || echo no"ne"; grep CapEff /proc/self/status
        grep NoNewPrivs /proc/self/status' none
    grep -q 'CapEff:.0000000000000000' out
    grep -q 'NoNewPrivs:.1' out
}

foreign_results() {
    chown $user "$project/results"
    fails "results: found a folder of" run EPOCHS=2
    chown root "$project/results"
}

full_results() {
    mv "$project/results" "$project/kept"
    mkdir "$project/results"
    mount -t tmpfs -o size=100k tmpfs "$project/results"
    (cd "$project" && ! make run FILTERS=32 EPOCHS=1 >out 2>err; cat err; grep -q 'No space left' err)
    umount "$project/results"
    rmdir "$project/results"
    mv "$project/kept" "$project/results"
}

overhead() {
    local start middle end
    cd "$host"
    make local_train EPOCHS=2
    make run EPOCHS=2
    start=${EPOCHREALTIME/./}
    make local_train EPOCHS=2
    middle=${EPOCHREALTIME/./}
    make run EPOCHS=2
    end=${EPOCHREALTIME/./}
    echo "make run takes $(((end - middle - (middle - start)) / 1000)) ms longer than make local_train" \
        >"$scratch/overhead"
}

check "docker: make image" image_made
sed 's/^/# /' "$scratch/built"
check "docker: a second make image does nothing" image_again
check "docker: other packages than the lock's are named" lock_differs
check "docker: a changed source is another image" changed_source
check "docker: make run gives the host's bytes, and files of the caller" run_as_caller
check "docker: make run after make local_train finds all up to date" run_after_host
check "docker: parameters are passed on" parameters_passed
check "docker: data elsewhere" own_data
check "docker: an interrupt ends it, and it goes on to the same bytes" ends_on_interrupt
check "inside: make run_cli" shell_says
check "inside: no network" no_network
check "inside: nothing can be written but data/, results/, plots/" no_write
check "inside: no rights to gain" no_more_rights
check "error: results/ of another user" foreign_results
check "error: results/ is full" full_results
check "docker: overhead" overhead
sed 's/^/# /' "$scratch/overhead"

# --- Podman, and the same image twice ---------------------------------------------------------------------------------
# The digest of the tree as make image prints it.
tree_of() {
    grep -o 'tree [0-9a-f]*' "$1"
}

podman_image() {
    $(podman_store "$1") import -q "$scratch/bookworm.tar" "$BASE"
    in_project make image CONTAINER="$(podman_store "$1")" | tee "$scratch/podman-$1"
    $(podman_store "$1") images --no-trunc --quiet "$IMAGE" >"$scratch/id-$1"
}

podman_twice() {
    podman_image two
    cmp "$scratch/id-one" "$scratch/id-two"
    [ -s "$scratch/id-one" ]
}

podman_run() {
    forget
    in_project make run EPOCHS=2 CONTAINER="$(podman_store one)"
    same_as_the_host
}

docker_again() {
    docker images --format '{{.Repository}}:{{.Tag}}' "$IMAGE" | xargs docker rmi
    in_project env DOCKER_BUILDKIT="$1" make image BUILD_FLAGS=--no-cache CONTAINER="$2" | tee "$scratch/docker-$1"
    [ "$(tree_of "$scratch/docker-$1")" = "$(tree_of "$scratch/built")" ]
}

# As a user who has no rights at all: everything is the user's, the image and what it makes.
as_rootless() {
    (cd "$scratch/home" && setpriv --reuid="$rootless" --regid="$rootless" --init-groups env -i PATH="$PATH" \
        HOME="$scratch/home" XDG_RUNTIME_DIR="$scratch/home/run" CONTAINERS_CONF="$CONTAINERS_CONF" "$@")
}

rootless_run() {
    useradd --home-dir "$scratch/home" "$rootless"
    cp -r "$host" "$scratch/home"
    rm -rf "$scratch"/home/{data,results,plots/.made}
    mkdir -m 700 "$scratch/home/run"
    chmod 755 "$scratch"
    chmod 644 "$scratch/bookworm.tar" "$CONTAINERS_CONF"
    chown -R "$rootless:$rootless" "$scratch/home"
    as_rootless podman --storage-driver overlay import -q "$scratch/bookworm.tar" "$BASE"
    as_rootless make image run EPOCHS=2 CONTAINER="podman --storage-driver overlay" BASE="$BASE" \
        APT_SOURCE="$APT_SOURCE" BUILD_FLAGS=--network=host
    diff <(sums "$host") <(sums "$scratch/home")
    [ -z "$(find "$scratch/home/results" "$scratch/home/plots" ! -user "$rootless" -print -quit)" ]
}

same_tree() {
    [ "$(tree_of "$scratch/podman-one")" = "$(tree_of "$scratch/built")" ]
}

check "podman: make image" podman_image one
check "podman: the same image ID from an empty store" podman_twice
check "podman: make run gives the host's bytes" podman_run
check "podman without root: make image run gives the host's bytes, and files of the caller" rootless_run
check "docker: the same tree when built again" docker_again 0 /usr/bin/docker
check "docker: the same tree with BuildKit" docker_again 1 /usr/bin/docker
check "podman and docker: the same tree" same_tree

# --- Debian 13: other compiler, C library, FFTW, OpenBLAS, libsndfile -------------------------------------------------
trixie_run() {
    forget
    in_project make image run EPOCHS=2 BASE=localhost/bitfast-test-base:trixie APT_SOURCE="$(mirrors trixie)"
    diff <(numbers "$host") <(numbers "$project")
}

check "a base image of Debian 13 is made" make_base trixie
check "Debian 13: checkpoints, logs, predictions and scores have the host's bytes" trixie_run
echo "# figures that gnuplot of Debian 13 draws otherwise: $(diff <(sums "$host") <(sums "$project") | grep -c '^>')"
done_testing
