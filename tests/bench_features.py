"""Times the preparation of a data set, from a list of sound files to a .npy file of their log-mel spectrograms: our two
tools in a pipe, and soundfile and torchaudio (Resample, MelSpectrogram, AmplitudeToDB), with as many threads each.
Prints the times and their ratio; asserts nothing.

usage: bench_features.py [TSV [REPEATS [DIRECTORY]]], default: no file, 5, the demo data set made for it"""
import os
import statistics
import sys
import tempfile
import time

from bench_lib import BIN, Peer, Rows, demo_data, list_clips, prepare, progress, ratio_text, ratios, threads_to_measure


def children_seconds():
    times = os.times()
    return times.children_user + times.children_system


def ours(directory, manifest, threads):
    wall, processor = time.perf_counter(), children_seconds()
    prepare(directory, manifest, None, threads)
    return [time.perf_counter() - wall, children_seconds() - processor]


def measure(directory, name, rows, repeats, scratch):
    manifest, path_list = (os.path.join(scratch, file) for file in ("manifest", "paths"))
    list_clips(directory, manifest)
    with open(manifest) as file:
        paths = [line.split("\t")[1] for line in file.read().splitlines()[1:]]
    with open(path_list, "w") as file:
        file.write("\n".join(paths) + "\n")
    threads = threads_to_measure()[-1]
    peer = Peer(["torchaudio", "soundfile"], threads)
    work = {"bitfast": lambda: ours(directory, manifest, threads)}
    if peer.missing is None:
        work["torchaudio"] = lambda: peer.ask("features", directory, path_list)
    times = {variant: [] for variant in work}
    for turn in range(repeats):
        for variant in work:
            progress(f"features: turn {turn + 1} of {repeats}, {variant}")
            times[variant].append(work[variant]())
    progress("")
    peer.close()
    print(f"Preparation: the {len(paths)} sound files of {name}, made into one file of log-mel spectrograms; {threads} "
          f"threads,\nmedian of {repeats} interleaved turns.")
    if peer.missing is not None:
        print(f"  torchaudio is not compared. {peer.missing}")
    for variant, turns in times.items():
        wall, processor = zip(*turns)
        print(f"  {variant:<11}{statistics.median(wall):7.2f} s   processor time {statistics.median(processor):6.2f} s")
        rows.add("features", variant, wall, "s", threads=threads, operation="log_mel")
        rows.add("features", variant, processor, "s", threads=threads, operation="processor_time")
    if "torchaudio" in times:
        ratio = ratios(*([turn[0] for turn in times[variant]] for variant in ("bitfast", "torchaudio")))
        print(f"  torchaudio's time over bitfast's: {ratio_text(ratio)}     ({peer.version})")
        rows.add("ratio", "torchaudio/bitfast", ratio, "times", threads=threads, operation="features")


def main(tsv="", repeats="5", directory=""):
    with tempfile.TemporaryDirectory(prefix="bitfast-bench-") as scratch:
        name = os.path.basename(os.path.realpath(directory)) if directory else "the demo data set"
        folder = os.path.realpath(directory) if directory else demo_data(scratch)
        measure(folder, name, Rows(tsv), int(repeats), scratch)


main(*sys.argv[1:])
