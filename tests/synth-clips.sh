#!/bin/bash
# synth-clips: the layout, the same bytes everywhere, and what must be refused. The bytes themselves are pinned in
# tests/digests.txt.
. "$(dirname "$0")/lib.sh"

small=(--clips-per-class=4 --folds=2 --sample-rate=8000 --seconds=0.5)

layout() {
    synth-clips set
    [ "$(find set | wc -l)" -eq 404 ] # itself, audio, meta, the table and 400 sounds
    /usr/bin/python3 - <<'END'
import collections, csv, os
import numpy, soundfile

with open("set/meta/demo.csv", newline="") as table:
    text = table.read()
assert text.startswith("filename,fold,target,category,esc10,src_file,take\n") and "\r" not in text
rows = list(csv.DictReader(text.splitlines()))
assert len(rows) == 400
assert sorted(row["filename"] for row in rows) == sorted(os.listdir("set/audio"))
assert collections.Counter(row["fold"] for row in rows) == {fold: 80 for fold in "12345"}
per_class = collections.Counter((row["fold"], row["target"]) for row in rows)
assert len(per_class) == 50 and set(per_class.values()) == {8}
names = {(row["target"], row["category"]) for row in rows}
assert len(names) == len({target for target, _ in names}) == len({name for _, name in names}) == 10
recordings = collections.defaultdict(list)
for row in rows:
    assert row["filename"] == "{fold}-{src_file}-{take}-{target}.wav".format(**row)
    assert row["esc10"] == "False"
    recordings[row["src_file"]].append(row)
for takes in recordings.values(): # each within one fold and one class
    assert [row["take"] for row in takes] in (["A"], ["A", "B"])
    assert len({(row["fold"], row["target"]) for row in takes}) == 1
assert len(recordings) == 250 # 5 of 8 clips of a class in a fold, for 10 classes and 5 folds
contents = set()
for row in rows:
    sound = soundfile.SoundFile("set/audio/" + row["filename"])
    assert (sound.format, sound.subtype) == ("WAV", "PCM_16")
    assert (sound.samplerate, sound.channels, sound.frames) == (16000, 1, 80000)
    samples = sound.read(dtype="float64")
    assert 10 ** (-20 / 20) / 3 < numpy.abs(samples).max() <= 10 ** (-1 / 20), row
    assert abs(samples.mean()) < 0.01 and samples.std() > 0.001, row
    contents.add(samples.tobytes())
assert len(contents) == 400
END
}

options_reach_the_files() {
    synth-clips --clips-per-class=3 --folds=3 --sample-rate=22050 --seconds=0.75 --seed=5 set
    /usr/bin/python3 - <<'END'
import os, soundfile
names = os.listdir("set/audio")
assert len(names) == 30 and {name[0] for name in names} == {"1", "2", "3"}
for name in names:
    information = soundfile.info("set/audio/" + name)
    assert (information.samplerate, information.frames) == (22050, 16538) # 0.75 * 22050 rounded
END
}

same_bytes() {
    synth-clips "${small[@]}" expected
    mkdir -p elsewhere/deeper
    synth-clips "${small[@]}" --threads=1 one
    synth-clips "${small[@]}" --threads=3 three
    (cd elsewhere/deeper && TZ=Asia/Tokyo LC_ALL=C.UTF-8 LANG=de_DE.UTF-8 synth-clips "${small[@]}" "$OLDPWD/away/")
    diff -r expected one
    diff -r expected three
    diff -r expected away
    [ -z "$(find . -name '*.tmp')" ]
}

another_seed() {
    synth-clips "${small[@]}" zero
    synth-clips "${small[@]}" --seed=1 one
    cmp zero/meta/demo.csv one/meta/demo.csv
    for file in zero/audio/*; do
        ! cmp -s "$file" "one/audio/${file##*/}"
    done
}

existing_directory() {
    mkdir -p full empty
    echo kept >full/file
    echo kept >plain
    ln -s nowhere dangling
    for name in full empty plain dangling ./empty/; do
        must_fail 1 synth-clips "${small[@]}" "$name"
        says "'$name' exists"
    done
    [ "$(cat full/file plain)" = $'kept\nkept' ]
    [ "$(find . -mindepth 1 | sort | tr '\n' ' ')" = "./dangling ./empty ./err ./full ./full/file ./out ./plain " ]
}

unwritable_place() {
    must_fail 1 synth-clips "${small[@]}" missing/set
    says "missing/set"
    says "No such file or directory"
    must_fail 1 synth-clips "${small[@]}" /proc/set
    says "/proc/set"
    must_fail 1 synth-clips "${small[@]}" ""
    says "0 bytes"
    must_fail 1 synth-clips "${small[@]}" "$(printf '%05000d' 0)"
    says "5000"
}

# A limit on the size of files (in KiB) that the table exceeds, then one that only the sounds exceed.
failed_write() {
    for limit in 1 4; do
        (
            trap '' XFSZ
            ulimit -f $limit
            must_fail 1 synth-clips "${small[@]}" set
        )
        says "cannot write"
        says "$([ $limit -eq 1 ] && echo demo.csv || echo .wav)"
        says "File too large"
        [ "$(ls)" = $'err\nout' ]
    done
}

wrong_options() {
    must_fail 2 synth-clips
    must_fail 2 synth-clips one two
    must_fail 2 synth-clips --folds=0 set
    must_fail 2 synth-clips --folds=3 set
    says "not a multiple"
    must_fail 2 synth-clips --clips-per-class=-5 set
    must_fail 2 synth-clips --sample-rate=4000 set
    must_fail 2 synth-clips --seconds=nan set
    must_fail 2 synth-clips --seed=abc set
    must_fail 2 synth-clips --clips-per-clas=5 set
    says "clips-per-class"
    [ ! -e set ]
}

help_output() {
    synth-clips --help >help
    grep -q '^usage: synth-clips' help
    status=0
    synth-clips --help >/dev/full 2>err || status=$?
    [ "$status" -eq 1 ]
}

check "layout, names, folds, recordings and sounds" layout
check "options reach the files" options_reach_the_files
check "same bytes from any number of threads, directory, locale and time zone" same_bytes
check "another seed, other sounds" another_seed
check "an existing directory is refused and left alone" existing_directory
check "a place that cannot be written" unwritable_place
check "a failed write leaves nothing" failed_write
check "wrong options" wrong_options
check "help" help_output
done_testing
