"""Times the preparation of a data set, from sound files to a .npy file of log-mel spectrograms: our three tools in a
pipe, and soundfile and torchaudio (Resample, MelSpectrogram, AmplitudeToDB), with as many threads each. Prints the times
and their ratio; asserts nothing.

usage: bench_features.py DIR [THREADS]"""
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import soundfile
import torch
import torchaudio

BIN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bin")
SAMPLE_RATE, SAMPLES = 8000, 40000


def ours(directory, threads):
    with tempfile.TemporaryFile() as output:
        listing = subprocess.Popen([f"{BIN}/list-clips", "--sha256", f"--threads={threads}", directory],
                                   stdout=subprocess.PIPE)
        decoding = subprocess.Popen([f"{BIN}/decode-audio", f"--root={directory}", f"--threads={threads}"],
                                    stdin=listing.stdout, stdout=subprocess.PIPE)
        subprocess.run([f"{BIN}/log-mel", f"--threads={threads}"], stdin=decoding.stdout, stdout=output, check=True)
        if listing.wait() != 0 or decoding.wait() != 0:
            sys.exit("bench_features.py: a tool failed")


def theirs(directory, paths):
    mel = torchaudio.transforms.MelSpectrogram(SAMPLE_RATE, 400, hop_length=200, n_mels=128)
    decibels = torchaudio.transforms.AmplitudeToDB("power", 80.0)
    resamplers = {}
    features = []
    for path in paths:
        waveform, rate = soundfile.read(os.path.join(directory, path), dtype="float32", always_2d=True)
        waveform = torch.from_numpy(waveform.T.copy()).mean(0, keepdim=True)
        if rate not in resamplers:
            resamplers[rate] = torchaudio.transforms.Resample(rate, SAMPLE_RATE)
        waveform = resamplers[rate](waveform)[:, :SAMPLES]
        waveform = torch.nn.functional.pad(waveform, (0, SAMPLES - waveform.shape[1]))
        features.append(decibels(mel(waveform)).numpy())
    with tempfile.TemporaryFile() as output:
        numpy.save(output, numpy.stack(features))


def processor_seconds():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main():
    directory, threads = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2
    torch.set_num_threads(threads)
    listing = subprocess.run([f"{BIN}/list-clips", directory], stdout=subprocess.PIPE, check=True, text=True).stdout
    paths = [line.split("\t")[1] for line in listing.splitlines()[1:]]
    work = {"bitfast": lambda: ours(directory, threads), "torchaudio": lambda: theirs(directory, paths)}
    figures = {name: [] for name in work}
    for turn in range(5):
        for name in work:
            wall, processor = time.monotonic(), processor_seconds()
            work[name]()
            figures[name].append((time.monotonic() - wall, processor_seconds() - processor))
    print(f"features of {len(paths)} clips, {threads} threads, medians of 5, s")
    for name, pairs in figures.items():
        wall, processor = (statistics.median(column) for column in zip(*pairs))
        print(f"{name:<12}{wall:6.2f}   processor time {processor:6.2f}")
    ratios = sorted(theirs[0] / ours[0] for ours, theirs in zip(*figures.values()))
    print(f"torchaudio's time over ours: {ratios[2]:.2f} (min {ratios[0]:.2f}, max {ratios[-1]:.2f})\n")


main()
