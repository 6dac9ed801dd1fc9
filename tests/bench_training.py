"""Prints the time of a training step (8 clips of 1 x 128 x 201) beside PyTorch's, in one run, medians; asserts nothing.

Usage: bench_training.py [REPEATS [FILTERS...]]. PyTorch runs in the better of its default and its channels-last
layout, on as many threads as there are processors. Ours is a whole train-epoch, start-up and files included, divided by
its steps."""
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch
from torch.nn import functional

from audionet import AudioNet, clip_records

top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
widths = [int(text) for text in sys.argv[2:]] or [8, 16, 32]
steps, batch = 10, 8
threads = len(os.sched_getaffinity(0))
torch.set_num_threads(threads)


def torch_step(filters, layout):
    model = AudioNet(filters, 10).to(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    x = torch.randn(batch, 1, 128, 201).to(memory_format=layout)
    y = torch.arange(batch) % 10

    def step():
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    step()
    return step


def timed(function, count):
    start = time.perf_counter()
    for _ in range(count):
        function()
    return 1000 * (time.perf_counter() - start) / count


def our_epoch(checkpoint, fold, engine):
    with open(checkpoint, "rb") as last:
        subprocess.run([os.path.join(top, "bin", "train-epoch"), "--engine=" + engine, fold], stdin=last,
                       stdout=subprocess.DEVNULL, check=True)


print(f"training step of 8 clips, {threads} threads, medians of {repeats}, ms; in brackets PyTorch's time over ours")
print(f"{'F':>3} {'PyTorch ' + torch.__version__:>18} {'exact':>16} {'openblas':>16}")
with tempfile.TemporaryDirectory() as directory:
    fold, checkpoint = os.path.join(directory, "fold.npy"), os.path.join(directory, "epoch-000")
    numpy.save(fold, clip_records(steps * batch, 128, 201, 10, 1))
    for filters in widths:
        with open(checkpoint, "wb") as out:
            subprocess.run([os.path.join(top, "bin", "init-model"), f"--filters={filters}"], stdout=out, check=True)
        layouts = [torch_step(filters, torch.contiguous_format), torch_step(filters, torch.channels_last)]
        times = {name: [] for name in ["torch", "exact", "openblas"]}
        for _ in range(repeats):
            times["torch"].append(min(timed(step, 3) for step in layouts))
            for engine in ["exact", "openblas"]:
                times[engine].append(timed(lambda: our_epoch(checkpoint, fold, engine), 1) / steps)
        medians = {name: statistics.median(values) for name, values in times.items()}
        columns = [f"{medians[name]:8.1f} ({medians['torch'] / medians[name]:4.2f}x)" for name in ["exact", "openblas"]]
        print(f"{filters:>3} {medians['torch']:>18.1f} {columns[0]:>16} {columns[1]:>16}", flush=True)
