"""The peers that the benchmarks compare with, in any Python that has PyTorch: bench_peers.py THREADS MODULE...

Says "ready VERSIONS" or "missing REASON", then answers a line of words separated by tabs with a line of numbers, or
with "error REASON":

    train|evaluate FILTERS VARIANT STEPS    seconds of one step of 8 clips, after one that is not measured
    features DIRECTORY LIST                 seconds and processor seconds, for the sound files that LIST names

VARIANT is default, channels_last or compiled."""
import os
import sys
import time

# Only answers go to the driver: what a library prints goes to standard error.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
BATCH, HEIGHT, WIDTH, CLASSES = 8, 128, 201, 10
SAMPLE_RATE, SAMPLES = 8000, 40000
models = {}


def answer(text):
    answers.write(" ".join(text.split()) + "\n")
    answers.flush()


def make_step(operation, filters, variant):
    layout = torch.channels_last if variant == "channels_last" else torch.contiguous_format
    model = AudioNet(filters, CLASSES).to(memory_format=layout)
    x = (30 * torch.randn(BATCH, 1, HEIGHT, WIDTH) - 30).to(memory_format=layout)
    y = torch.arange(BATCH) % CLASSES
    run = model
    if variant == "compiled":
        if not hasattr(torch, "compile"):
            raise RuntimeError("this PyTorch has no torch.compile")
        run = torch.compile(model)
    if operation == "evaluate":
        model.eval()

        def step():
            with torch.no_grad():
                run(x)
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)

        def step():
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(run(x), y).backward()
            optimizer.step()
    step()
    return step


def seconds_of_step(operation, filters, variant, steps):
    key = operation, filters, variant
    if key not in models:
        models[key] = make_step(operation, int(filters), variant)
    step = models[key]
    step()
    start = time.perf_counter()
    for _ in range(int(steps)):
        step()
    return [(time.perf_counter() - start) / int(steps)]


def seconds_of_features(directory, paths):
    import tempfile

    import numpy
    import soundfile
    wall, processor = time.perf_counter(), time.process_time()
    mel = torchaudio.transforms.MelSpectrogram(SAMPLE_RATE, 400, hop_length=200, n_mels=128)
    decibels = torchaudio.transforms.AmplitudeToDB("power", 80.0)
    resamplers = {}
    features = []
    with open(paths) as file:
        names = file.read().splitlines()
    for name in names:
        waveform, rate = soundfile.read(os.path.join(directory, name), dtype="float32", always_2d=True)
        waveform = torch.from_numpy(waveform.T.copy()).mean(0, keepdim=True)
        if rate not in resamplers:
            resamplers[rate] = torchaudio.transforms.Resample(rate, SAMPLE_RATE)
        waveform = resamplers[rate](waveform)[:, :SAMPLES]
        waveform = torch.nn.functional.pad(waveform, (0, SAMPLES - waveform.shape[1]))
        features.append(decibels(mel(waveform)).numpy())
    with tempfile.TemporaryFile() as output:
        numpy.save(output, numpy.stack(features))
    return [time.perf_counter() - wall, time.process_time() - processor]


try:
    modules = [__import__(name) for name in sys.argv[2:]]
    import torch
    if "torchaudio" in sys.argv[2:]:
        import torchaudio
    else:
        from audionet import AudioNet
except Exception as reason:  # a broken installation fails in many ways
    answer(f"missing {reason}")
    sys.exit()
torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)
answer("ready " + ", ".join(f"{module.__name__} {getattr(module, '__version__', '')}" for module in modules))
for line in sys.stdin:
    words = line.rstrip("\n").split("\t")
    try:
        numbers = seconds_of_features(*words[1:]) if words[0] == "features" else seconds_of_step(*words)
        answer(" ".join(map(repr, numbers)))
    except Exception as reason:
        lines = str(reason).strip().splitlines()
        answer(f"error {type(reason).__name__}: {lines[0] if lines else ''}"[:200])
