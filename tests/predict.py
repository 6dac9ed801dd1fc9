"""predict against PyTorch in eval mode: probabilities within 1e-5, for a network whose batch norm has seen some steps.

Run by build/venv's Python (Debian's torch, safetensors from PyPI); prints TAP."""
import os
import subprocess
import tempfile

import numpy
import torch
from safetensors.torch import save_file

from audionet import AudioNet, clip_records
from tap import check, finish

top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
tool = lambda name: os.path.join(top, "bin", name)


def torch_model(filters, classes, records):
    """A few steps of SGD, so that no tensor keeps its first values."""
    torch.manual_seed(filters)
    model = AudioNet(filters, classes)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x, y = torch.from_numpy(records["x"].copy()), torch.from_numpy(records["label"].astype(numpy.int64))
    for _ in range(4):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.eval(), torch.softmax(model.eval()(x).detach().double(), 1).numpy()


def our_table(model, filters, classes, records, *options):
    with tempfile.TemporaryDirectory() as directory:
        fold, weights, checkpoint = (os.path.join(directory, name) for name in ("fold.npy", "torch", "checkpoint"))
        numpy.save(fold, records)
        save_file(model.state_dict(), weights)
        with open(checkpoint, "wb") as out:
            subprocess.run([tool("init-model"), f"--filters={filters}", f"--classes={classes}", "--weights=" + weights],
                           stdout=out, check=True)
        text = subprocess.run([tool("predict"), "--model=" + checkpoint, *options, fold], capture_output=True,
                              check=True, text=True).stdout
    return [line.split("\t") for line in text.splitlines()]


for filters, height, width, classes, count in [(3, 8, 12, 2, 13), (5, 31, 45, 7, 9), (16, 128, 201, 10, 3)]:
    records = clip_records(count, height, width, classes, 1)
    model, expected = torch_model(filters, classes, records)
    for engine in "exact", "openblas":
        rows = our_table(model, filters, classes, records, "--engine=" + engine)
        worst = numpy.abs(numpy.array([row[2:] for row in rows[1:]], dtype=float) - expected).max()
        heads = [row[:2] for row in rows] == [["key", "truth"]] + [
            [record["key"].decode(), str(record["label"])] for record in records]
        good = heads and expected.std() > 1e-3 and worst <= 1e-5
        check(f"{engine}, F={filters}, {count} x {height} x {width}: probabilities as PyTorch's", good, f"{worst:.1e}")
finish()
