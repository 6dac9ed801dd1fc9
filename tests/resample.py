"""decode-audio's resampling, measured with sines: pass band, stop band and delay as include/decode.h states them. In
TAP.

A sine in the pass band must come out as the same sine, sampled at the new rate: gain and delay in one comparison. One
in the stop band must vanish. The first and the last 0.1 s, where the sound begins and ends, are left out."""
import os
import subprocess
import tempfile

import numpy
import soundfile

from tap import check, finish

DECODE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bin", "decode-audio")
SECONDS = 1.0
AMPLITUDE = 0.5
RIPPLE_DB, REJECTION_DB = 0.01, 120
PASS_BAND = 0.9137


def decode(sounds, from_rate, to_rate):
    with tempfile.TemporaryDirectory() as directory:
        manifest = "key\tpath\tfold\tlabel\n"
        for i, sound in enumerate(sounds):
            soundfile.write(f"{directory}/{i}.wav", sound.astype("f4"), from_rate, subtype="FLOAT")
            manifest += f"{i}\t{i}.wav\t1\t0\n"
        command = [DECODE, f"--root={directory}", f"--sample-rate={to_rate}", f"--clip-seconds={SECONDS}"]
        output = subprocess.run(command, input=manifest.encode(), stdout=subprocess.PIPE, check=True).stdout
        with open(f"{directory}/out.npy", "wb") as file:
            file.write(output)
        return numpy.array(numpy.load(f"{directory}/out.npy", mmap_mode="r")["x"][:, 0], dtype="f8")


def sines(frequencies, rate):
    time = numpy.arange(int(SECONDS * rate)) / rate
    return AMPLITUDE * numpy.sin(2 * numpy.pi * numpy.outer(frequencies, time) + 0.3)


def db(ratio):
    return 20 * numpy.log10(ratio)


def measure(from_rate, to_rate):
    half = min(from_rate, to_rate) / 2
    inner = slice(to_rate // 10, -to_rate // 10)
    frequencies = numpy.linspace(20, PASS_BAND * half, 40)
    out, expected = decode(sines(frequencies, from_rate), from_rate, to_rate), sines(frequencies, to_rate)
    gain = numpy.sqrt((out[:, inner] ** 2).sum(1) / (expected[:, inner] ** 2).sum(1))
    error = abs(out - expected)[:, inner].max() / AMPLITUDE
    ripple = abs(db(gain)).max()
    check(f"{from_rate} to {to_rate} Hz: pass band, no delay",
          ripple <= RIPPLE_DB and error <= 10 ** (RIPPLE_DB / 20) - 1,
          f"ripple {ripple:.6f} dB; largest difference from the sine {error:.2e} of its amplitude")
    if from_rate < to_rate:
        return
    frequencies = numpy.linspace(half, from_rate / 2 * 0.999, 40)
    rejection = -db(abs(decode(sines(frequencies, from_rate), from_rate, to_rate)[:, inner]).max() / AMPLITUDE)
    check(f"{from_rate} to {to_rate} Hz: stop band", rejection >= REJECTION_DB, f"rejection {rejection:.1f} dB")


for rates in ((44100, 8000), (48000, 8000), (22050, 8000), (11025, 8000), (96000, 44100), (8000, 44100), (4000, 8000)):
    measure(*rates)
impulse = numpy.zeros(44100)
impulse[22050] = 1
place = int(abs(decode([impulse], 44100, 8000)[0]).argmax())
check("an impulse at 0.5 s stays there", place == 4000, f"sample {place} of 8000")
finish()
