"""One training step, and ten, from PyTorch's own weights: loss, gradients, updated weights, running statistics.

Run by build/venv's Python (Debian's torch, safetensors from PyPI); prints TAP. Differences are relative to the largest
value of the tensor; the expected values are PyTorch's in float32.

The gradient jumps where two values of a pooling square, or a value and ReLU's zero, are nearly equal: there a rounding
error decides who gets it, and PyTorch in float32 differs from PyTorch in float64 by up to 1e-2. So the comparison is
made on the first random draw on which PyTorch agrees with itself to a third of the tolerance (such draws are rare at
full size), and on a batch of full size against float64: there the exact engine meets the tolerance on a draw on which
PyTorch in float32 does not, and any engine's error must be no more than twice PyTorch's own."""
import os
import subprocess
import sys
import tempfile

import numpy
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from torch.nn import functional

from audionet import AudioNet, clip_records
from tap import check, finish

top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
tool = lambda name: os.path.join(top, "bin", name)
zero_gradients = ["conv1.bias", "conv2.bias", "conv3.bias", "conv4.bias"]


def difference(ours, theirs):
    theirs = theirs.detach().double().numpy() if isinstance(theirs, torch.Tensor) else theirs
    return float(numpy.max(numpy.abs(ours.astype(numpy.float64) - theirs)) / max(numpy.max(numpy.abs(theirs)), 1e-30))


def train_torch(model, x, y, steps):
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)
    losses, gradients = [], None
    for _ in range(steps):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        losses.append(loss.item())
        gradients = gradients or {name: p.grad.clone() for name, p in model.named_parameters()}
        optimizer.step()
    return losses, gradients


def train_ours(directory, records, initial, steps, engine, filters, classes):
    """Epochs of one batch each: the tensors after the last, and the losses."""
    fold, weights, checkpoint = (os.path.join(directory, name) for name in ("fold.npy", "torch", "epoch"))
    numpy.save(fold, records)
    save_file(initial, weights)
    shape = [f"--filters={filters}", f"--classes={classes}", "--weights=" + weights]
    with open(checkpoint, "wb") as out:
        subprocess.run([tool("init-model"), *shape], stdout=out, check=True)
    losses = []
    for _ in range(steps):
        with open(checkpoint, "rb") as last, open(checkpoint + ".new", "wb") as out:
            subprocess.run([tool("train-epoch"), "--engine=" + engine, f"--batch-size={len(records)}", fold],
                           stdin=last, stdout=out, check=True)
        os.rename(checkpoint + ".new", checkpoint)
        losses.append(float(load_file(checkpoint)["metrics.step_loss"][0]))
    return load_file(checkpoint), losses


def draw(seed, filters, height, width, classes, count, steps):
    """A network, a batch, and PyTorch's results in float32 and float64."""
    torch.manual_seed(seed)
    records = clip_records(count, height, width, classes, seed)
    x, y = torch.from_numpy(records["x"].copy()), torch.from_numpy(records["label"].astype(numpy.int64))
    single = AudioNet(filters, classes)
    initial = {name: value.clone() for name, value in single.state_dict().items()}
    double = AudioNet(filters, classes).double()
    double.load_state_dict({name: value.double() for name, value in initial.items()})
    return (records, initial, (*train_torch(single, x, y, steps), single.state_dict()),
            (*train_torch(double, x.double(), y, steps), double.state_dict()))


def worst_difference(ours, theirs, names):
    return max((difference(numpy.asarray(ours[name]), theirs[name]), name) for name in names)


def compared_names(state, steps):
    """A bias that PyTorch moves by rounding noise moves the running mean behind it too, and nothing else."""
    return [name for name in state if name not in zero_gradients and not name.endswith("num_batches_tracked")
            and not (steps > 1 and name.endswith("running_mean"))]


def compare(engine, steps, tolerance, *sizes):
    filters, height, width, classes, count = sizes
    trained = None
    for seed in range(100):
        records, initial, single, double = draw(seed, *sizes, steps)
        trained = [name for name in single[1] if name not in zero_gradients]
        names = compared_names(single[2], steps)
        if (worst_difference(single[1], double[1], trained)[0] <= tolerance / 3
                and worst_difference(single[2], double[2], names)[0] <= tolerance / 3):
            break
    else:
        sys.exit("no draw of a hundred on which PyTorch agrees with itself")
    plural = "s" if steps > 1 else ""
    label = f"{engine}, {steps} step{plural}, F={filters}, {count} x {height} x {width}, draw {seed}: "
    with tempfile.TemporaryDirectory() as directory:
        ours, our_losses = train_ours(directory, records, initial, steps, engine, filters, classes)
    losses, gradients, state = single
    worst = max(abs(a - b) / abs(b) for a, b in zip(our_losses, losses))
    check(label + "loss", worst <= tolerance, f"{worst:.1e}")
    if steps == 1:
        our_gradients = {name: ours["adam.exp_avg." + name] / numpy.float32(0.1) for name in trained}
        worst = worst_difference(our_gradients, gradients, trained)
        check(label + "every gradient", worst[0] <= tolerance, f"{worst[0]:.1e} in {worst[1]}")
        squares = {name: ours["adam.exp_avg_sq." + name] / numpy.float32(0.001) for name in trained}
        worst = worst_difference(squares, {name: gradients[name].double() ** 2 for name in trained}, trained)
        check(label + "every squared gradient", worst[0] <= 2 * tolerance, f"{worst[0]:.1e} in {worst[1]}")
        largest = max(double[1][name].abs().max().item() for name in zero_gradients)
        check(label + "PyTorch's float64 gradient of the biases before batch norm is 0", largest <= 1e-13,
              f"{largest:.1e}")
    check(label + "the biases before batch norm keep their first values",
          all(numpy.array_equal(ours[name], initial[name].numpy()) for name in zero_gradients)
          and not any(ours["adam.exp_avg." + name].any() for name in zero_gradients))
    counters = [name for name in state if name.endswith("num_batches_tracked")]
    check(label + "batches counted", all(int(ours[name]) == steps == int(state[name]) for name in counters))
    worst = worst_difference(ours, state, names)
    check(label + "every updated weight and running statistic", worst[0] <= tolerance, f"{worst[0]:.1e} in {worst[1]}")


def compare_full_size(engine, *sizes):
    filters, height, width, classes, count = sizes
    records, initial, single, double = draw(1, *sizes, 1)
    with tempfile.TemporaryDirectory() as directory:
        ours, _ = train_ours(directory, records, initial, 1, engine, filters, classes)
    trained = [name for name in single[1] if name not in zero_gradients]
    our_gradients = {name: ours["adam.exp_avg." + name] / numpy.float32(0.1) for name in trained}
    our_error, name = worst_difference(our_gradients, double[1], trained)
    torch_error, torch_name = worst_difference(single[1], double[1], trained)
    bound = 1e-5 if engine == "exact" else 2 * torch_error
    check(f"{engine}, F={filters}, {count} x {height} x {width}, draw 1: every gradient against float64",
          our_error <= bound, f"ours {our_error:.1e} in {name}, PyTorch's {torch_error:.1e} in {torch_name}")


torch.set_num_threads(2)
for which in ["exact", "openblas"]:
    compare(which, 1, 1e-5, 6, 25, 42, 3, 8)
    compare(which, 1, 1e-5, 3, 37, 50, 4, 5)
    compare(which, 10, 1e-3, 4, 64, 101, 2, 2)
    compare_full_size(which, 16, 128, 201, 8, 8)
finish()
