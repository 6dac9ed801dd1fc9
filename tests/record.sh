#!/bin/bash
# A run's record.json and environment.json, and the tools that print them.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"

# Python follows the graph by itself: from make's own database, and by its own sha256 of every file.
record() {
    project
    small_make local_train
    make -pqrR SMALL_DIR="$scratch/$checks/small" $small local_train >database 2>/dev/null || true
    run=$(dirname results/*/*/record.json)
    /usr/bin/python3 - "$run" <<'PYTHON'
import hashlib, json, re, sys
run = sys.argv[1]
record = json.load(open(run + "/record.json"))
digest = lambda path: hashlib.sha256(open(path, "rb").read()).hexdigest()
rules, skip = {}, False
for line in open("database"):
    if line.startswith("# Not a target"):
        skip = True
    elif re.match(r"[^#\t =]+:( |$)", line) and ":=" not in line:
        if not skip:
            target, rest = line.split(":", 1)
            rules.setdefault(target, []).extend(rest.split("|")[0].split())
        skip = False
assert record["format"] == "bitfast-run-1"
assert record["run"] == run[len("results/"):]
assert list(record) == ["format", "run", "parameters", "tools", "inputs", "outputs", "steps"]
assert record["parameters"]["FOLDS_TRAIN"] == "1 2 3" and record["parameters"]["FILTERS"] == "2"
lines = [line.split(" = ", 1) for line in open(run + "/parameters.mk").read().splitlines()]
assert record["parameters"] == dict(lines) and len(lines) == 16
outputs = [file["path"] for file in record["outputs"]]
for name in "parameters.mk log.csv steps.csv predictions.tsv test_scores.json classes.tsv confusion.tsv roc.tsv run.tsv".split():
    assert run + "/" + name in outputs, name
assert any(path.endswith("/epoch-002.safetensors") for path in outputs) and len(outputs) == 10
clips = "data/prepared/small/clips.tsv"
steps, leaves, todo = {}, set(), list(outputs)
while todo:
    path = todo.pop()
    if path in steps:
        continue
    steps[path] = rules.get(path, [])
    for source in steps[path]:
        if source == clips or source.startswith(("bin/", "src/")):
            leaves.add(source)
        else:
            todo.append(source)
assert [step["path"] for step in record["steps"]] == sorted(steps), set(steps) ^ {step["path"] for step in record["steps"]}
for step in record["steps"]:
    assert step["sha256"] == digest(step["path"])
    assert [file["path"] for file in step["inputs"]] == steps[step["path"]], step["path"]
    assert all(file["sha256"] == digest(file["path"]) for file in step["inputs"])
assert any(step["command"].startswith("train-epoch --batch-size=8 ") for step in record["steps"])
assert [file["path"] for file in record["tools"]] == sorted(leaves - {clips})
assert [file["path"] for file in record["inputs"]] == [clips]
for file in record["tools"] + record["inputs"] + record["outputs"]:
    assert file["sha256"] == digest(file["path"])
PYTHON
}

same_everywhere() {
    project
    small_make local_train -j2 THREADS=2
    cp results/*/*/record.json ..
    cd ..
    mv small sounds
    project other
    mv ../small "../my sounds"
    make SMALL_DIR="../my sounds" $small local_train BIN="$PWD/bin"
    cmp results/*/*/record.json ../record.json
}

environment() {
    project
    small_make local_train LEARNING_RATE=0.001 FOLDS_TRAIN='1 2'
    file=$(echo results/*/*/environment.json)
    /usr/bin/python3 - "$file" <<'PYTHON'
import datetime, json, os, platform, pwd, socket, sys, time
found = json.load(open(sys.argv[1]))
assert set(found) == {"command", "user", "host", "started", "finished", "seconds", "peak_memory_bytes", "cpu", "cores",
                      "kernels", "system", "compiler", "libraries", "code"}, found
assert found["command"].startswith("make local_train ") and ' FOLDS_TRAIN="1 2"' in found["command"]
assert " LEARNING_RATE=0.001" in found["command"]
assert found["user"] == pwd.getpwuid(os.geteuid()).pw_name
assert found["host"] == socket.gethostname()
stamp = lambda name: datetime.datetime.strptime(found[name], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
assert stamp("started") <= stamp("finished") and abs(stamp("finished").timestamp() - time.time()) < 300
assert 0 < found["seconds"] < 300
assert 1 << 20 < found["peak_memory_bytes"] < 1 << 30
assert found["cores"] == len(os.sched_getaffinity(0))
assert platform.release() in found["system"] and platform.machine() in found["system"]
assert set(found["libraries"]) == {"sndfile", "soxr", "fftw", "jansson", "libcrypto", "libc"}
assert found["libraries"]["libc"] == platform.libc_ver()[1]
assert found["code"] == {"revision": None, "dirty": None, "diff": None}
PYTHON
    gcc --version | sed 1q | grep -qF "$(sed -n 's/.*"compiler": "gcc \(.*\)".*/\1/p' "$file")"
    dpkg-query -W -f '${Version}' libjansson4 | grep -q "^$(sed -n 's/.*"jansson": "\(.*\)".*/\1/p' "$file")"
    # Written once for a record: not when files are only touched, nor with another command.
    cp "$file" ..
    touch data/prepared/small/*.tsv
    small_make -j2 local_train LEARNING_RATE=0.001 FOLDS_TRAIN='1 2' THREADS=1
    cmp "$file" ../environment.json
    small_make -q local_train LEARNING_RATE=0.001 FOLDS_TRAIN='1 2'
}

code() {
    project
    git init -q .
    git -c user.name=x -c user.email=x@example.org add -A
    git -c user.name=x -c user.email=x@example.org commit -qm first
    small_make test
    grep -q '"dirty": false' results/*/*/environment.json
    grep -q "\"revision\": \"$(git rev-parse HEAD)\"" results/*/*/environment.json
    [ ! -s results/*/*/code.diff ]
    echo '# mine' >>params.mk
    echo 'int unused;' >src/unused.txt
    small_make test EPOCHS=1
    grep -q '"dirty": true' results/*/*epochs-1/environment.json
    grep -q '"diff": "code.diff"' results/*/*epochs-1/environment.json
    cp results/*/*epochs-1/code.diff ..
    git stash -q -u -- params.mk src
    git apply ../code.diff
    [ "$(tail -n 1 params.mk)" = '# mine' ]
    [ "$(cat src/unused.txt)" = 'int unused;' ]
}

# The record follows a tool that changed, though no byte of the results did.
changed_tool() {
    project
    small_make local_train
    cp results/*/*/record.json ..
    digests | grep -v record.json >before
    printf '\n' >>bin/score
    touch -d '1 hour' bin/score
    small_make local_train
    digests | grep -v record.json | diff before -
    ! cmp -s results/*/*/record.json ../record.json
    grep -A1 '"path": "bin/score"' results/*/*/record.json | grep -q "$(sha256sum <bin/score | cut -c1-64)"
}

refused() {
    project
    small_make test
    run=$(dirname results/*/*/record.json)
    arguments=(--run=a/b --parameters="$run/parameters.mk" --data=data/prepared/small/clips.tsv)
    run-steps "${arguments[@]}" "$run/log.csv" >out
    must_fail 2 run-steps --run=a/b "$run/log.csv"
    says '--run, --parameters and --data must be given'
    must_fail 2 run-steps "${arguments[@]}"
    must_fail 1 run-steps "${arguments[@]}" missing
    says 'missing: cannot be read: No such file or directory'
    must_fail 1 run-steps "${arguments[@]}" Makefile
    says 'Makefile: has no record of how it was made'
    must_fail 1 sh -c 'run-steps "$@" >/dev/full' sh "${arguments[@]}" "$run/log.csv"
    echo more >>"$run/log.csv"
    must_fail 1 run-steps "${arguments[@]}" "$run/log.csv"
    says 'log.csv: was changed after it was made'
    must_fail 1 run-steps "${arguments[@]}" "$run/run.tsv"
    says 'was made from other bytes than'
    echo 'no parameter' >bad.mk
    must_fail 1 run-steps --run=a/b --parameters=bad.mk --data=x "$run/parameters.mk"
    says "bad.mk: found 'no parameter', expected NAME = VALUE"
    head -c 3000 /dev/urandom >"$run/.made/run.tsv"
    must_fail 1 run-steps "${arguments[@]}" "$run/run.tsv"
    says 'run.tsv: has no record'
    must_fail 1 run-environment missing
    must_fail 1 run-environment "$run/.made/run.tsv"
    must_fail 1 sh -c "run-environment $run/record.json >/dev/full"
    must_fail 2 run-environment
}

check "record.json has what the graph and the files say" record
check "record.json is the same everywhere" same_everywhere
check "environment.json" environment
check "the code: revision, and what was changed" code
check "a tool that changed" changed_tool
check "what the tools refuse" refused
done_testing
