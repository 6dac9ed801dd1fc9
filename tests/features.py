"""log-mel against torchaudio on the same waveforms, in TAP.

usage: features.py [DIR]: with DIR, a data set in a layout that list-clips takes, also all of its clips.

The bound is 1e-3 dB plus half of log-mel's rounding step. Against torchaudio computing in double it holds for every
value. Against torchaudio as it comes, in float32, it holds for all but a few in 1e5, because float32 is not that exact:
torchaudio's own float32 and double differ by up to 0.0075 dB on ESC-10. Most of that is its filter bank, where float32
mel-to-Hz conversion moves the triangles' corners: heights are off by 1.3e-5, which is 0.2 % (0.0084 dB) of the height
0.0022 that band 45 has in bin 56 of the reference parameters; the float32 FFT adds up to 0.0032 dB. So there
SINGLE_BOUND is kept by every value and BOUND by all but 1 in 1000."""
import os
import subprocess
import sys
import tempfile
import warnings

import numpy
import torch
import torchaudio

from tap import check, finish

warnings.filterwarnings("ignore", message=".*mel filterbank has all zero values.*")
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(TOP, "bin")
BOUND = 1e-3 + 1 / 512
SINGLE_BOUND = 0.0084 + 0.0032 + 1 / 512


def run(tool, *options, stdin=None):
    return subprocess.run([os.path.join(BIN, tool), *options], stdin=stdin, stdout=subprocess.PIPE, check=True).stdout


def load(content):
    with tempfile.NamedTemporaryFile(suffix=".npy") as file:
        file.write(content)
        file.flush()
        return numpy.array(numpy.load(file.name, mmap_mode="r"))


def log_mel(waveforms, *options):
    """waveforms: float32 (clips, samples)"""
    clips = numpy.zeros(len(waveforms), [("key", "S120"), ("fold", "<i4"), ("label", "<i4"),
                                         ("x", "<f4", (1, waveforms.shape[1]))])
    clips["key"] = [b"%d" % i for i in range(len(clips))]
    clips["x"][:, 0] = waveforms
    with tempfile.TemporaryFile() as file:
        numpy.save(file, clips)
        file.seek(0)
        return load(run("log-mel", *options, stdin=file))["x"]


def transforms(dtype, sample_rate=8000, n_fft=400, hop_length=200, n_mels=128, top_db=80.0):
    torch.set_default_dtype(dtype)
    spectrogram = torchaudio.transforms.MelSpectrogram(sample_rate, n_fft, hop_length=hop_length, n_mels=n_mels)
    decibels = torchaudio.transforms.AmplitudeToDB("power", top_db)
    torch.set_default_dtype(torch.float32)
    return lambda x: decibels(spectrogram(torch.from_numpy(x)[None].to(dtype))).numpy()


def demo_sounds(samples, rate):
    generator = numpy.random.default_rng(7)
    time = numpy.arange(samples) / rate
    noise = generator.standard_normal(samples)
    clicks = numpy.zeros(samples)
    clicks[:: max(1, samples // 7)] = 0.9
    half = numpy.where(time < time[-1] / 2, noise, 0)
    return {
        "noise": 0.1 * noise, "quiet noise": 1e-5 * noise, "loud noise": 3 * noise, "half silent": 0.1 * half,
        "tone": 0.5 * numpy.sin(2 * numpy.pi * 440 * time), "low tone": 0.9 * numpy.sin(2 * numpy.pi * 31 * time),
        "high tone": 0.9 * numpy.sin(2 * numpy.pi * 0.49 * rate * time),
        "sweep": 0.5 * numpy.sin(2 * numpy.pi * rate / 4 * time * time / time[-1]),
        "clicks": clicks, "click at the ends": numpy.r_[1.0, numpy.zeros(samples - 2), -1.0],
        "constant": numpy.full(samples, 0.25), "fading noise": noise * numpy.exp(-8 * time / time[-1]),
        "silence": numpy.zeros(samples), "tone in noise": 0.3 * numpy.sin(2 * numpy.pi * 1000 * time) + 1e-3 * noise,
    }


def compare(name, waveforms, names, **parameters):
    ours = log_mel(waveforms, *(f"--{key.replace('_', '-')}={value}" for key, value in parameters.items()))
    double, single = transforms(torch.float64, **parameters), transforms(torch.float32, **parameters)
    worst = {"double": (0, ""), "float32": (0, ""), "torchaudio's float32 from its double": (0, "")}
    beyond = 0
    for x, mine, label in zip(waveforms, ours, names):
        in_double, in_single = double(x), single(x)
        if mine.shape != in_double.shape:
            check(f"{name}: shape", False, f"{mine.shape}, torchaudio has {in_double.shape}")
            return
        beyond += (abs(mine - in_single) > BOUND).sum()
        differences = abs(mine - in_double), abs(mine - in_single), abs(in_single - in_double)
        for key, difference in zip(worst, differences):
            worst[key] = max(worst[key], (float(difference.max()), label))
    notes = [f"{key}: at most {value:.6f} dB, in '{label}'" for key, (value, label) in worst.items()]
    check(f"{name}: every value within {BOUND:.6f} dB of torchaudio in double",
          len(ours) == len(waveforms) and worst["double"][0] <= BOUND, *notes)
    check(f"{name}: within {SINGLE_BOUND:.6f} dB of torchaudio in float32, all but 1 in 1000 within {BOUND:.6f} dB",
          worst["float32"][0] <= SINGLE_BOUND and beyond <= ours.size / 1000,
          f"{beyond} of {ours.size} values are not")
    steps = ours.astype(numpy.float64) * 256
    check(f"{name}: values are multiples of 1/256 dB", (steps == numpy.round(steps)).all())


def main():
    cases = [
        ("reference parameters", 40000, {}),
        ("wide window", 40000, dict(sample_rate=16000, n_fft=1024, hop_length=512, n_mels=64)),
        ("odd window, odd rate", 5001, dict(sample_rate=11025, n_fft=401, hop_length=160, n_mels=40)),
        ("empty bands", 4000, dict(sample_rate=8000, n_fft=64, hop_length=64, n_mels=128)),
        ("one band", 3000, dict(sample_rate=8000, n_fft=256, hop_length=1000, n_mels=1)),
        ("prime window", 3000, dict(sample_rate=8000, n_fft=397, hop_length=97, n_mels=32, top_db=60.0)),
        ("clip just long enough", 201, {}),
    ]
    for name, samples, parameters in cases:
        sounds = demo_sounds(samples, parameters.get("sample_rate", 8000))
        waveforms = numpy.array(list(sounds.values())).astype("f4")
        compare(name, waveforms, list(sounds), **parameters)
    for directory in sys.argv[1:]:
        manifest = tempfile.TemporaryFile()
        manifest.write(run("list-clips", directory))
        manifest.seek(0)
        clips = load(run("decode-audio", f"--root={directory}", stdin=manifest))
        compare(f"{len(clips)} clips", clips["x"][:, 0], [key.decode() for key in clips["key"]])
    finish()


main()
