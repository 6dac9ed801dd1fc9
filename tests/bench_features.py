"""Times the preparation of a data set, from sound files to log-mel spectrograms: our three tools in a pipe, and
soundfile and torchaudio (Resample, MelSpectrogram, AmplitudeToDB), with as many threads each. Prints the times and
their ratio; asserts nothing.

usage: bench_features.py DIR [THREADS]"""
import os
import subprocess
import sys
import tempfile
import time

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
    for path in paths:
        waveform, rate = soundfile.read(os.path.join(directory, path), dtype="float32", always_2d=True)
        waveform = torch.from_numpy(waveform.T.copy()).mean(0, keepdim=True)
        if rate not in resamplers:
            resamplers[rate] = torchaudio.transforms.Resample(rate, SAMPLE_RATE)
        waveform = resamplers[rate](waveform)[:, :SAMPLES]
        waveform = torch.nn.functional.pad(waveform, (0, SAMPLES - waveform.shape[1]))
        decibels(mel(waveform))


def processor_seconds():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main():
    directory, threads = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2
    torch.set_num_threads(threads)
    listing = subprocess.run([f"{BIN}/list-clips", directory], stdout=subprocess.PIPE, check=True, text=True).stdout
    paths = [line.split("\t")[1] for line in listing.splitlines()[1:]]
    times = {}
    for turn in range(3):
        for name, work in (("bitfast", lambda: ours(directory, threads)),
                           ("torchaudio", lambda: theirs(directory, paths))):
            wall, processor = time.monotonic(), processor_seconds()
            work()
            figures = time.monotonic() - wall, processor_seconds() - processor
            times[name] = min(times.get(name, figures), figures)
    for name, (wall, processor) in times.items():
        print(f"{name}: {wall:.2f} s, {processor:.2f} s of processor time "
              f"({len(paths)} clips, {threads} threads, best of 3)")
    print(f"ratio: {times['torchaudio'][0] / times['bitfast'][0]:.2f}")


main()
