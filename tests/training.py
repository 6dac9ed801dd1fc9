"""Whole epochs in our own order against PyTorch: the generator, the initial weights and the order written here again
from include/random.h and training.h, the batches (the last one smaller) then given to PyTorch.

Run by build/venv's Python (Debian's torch, safetensors from PyPI); prints TAP. Losses are compared, not weights: where
two values of a pooling square are nearly equal, a rounding error decides who gets the gradient (training_step.py). So
the comparison is made on the first draw on which PyTorch in float32 agrees with PyTorch in float64 to a third of the
tolerance. PyTorch's convolutions keep their first biases, whose gradient is zero but for rounding noise (network.h)."""
import os
import subprocess
import sys
import tempfile

import numpy
import torch
from safetensors import safe_open
from safetensors.numpy import load_file
from torch.nn import functional

from audionet import AudioNet, clip_records
from tap import check, finish

top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
tool = lambda name: os.path.join(top, "bin", name)
WEIGHTS, SHUFFLE = 1, 2  # purposes
LEARNING_RATE = 1e-3
TOLERANCE = 1e-4  # of the losses, relative


def philox(counter, key):
    """Philox4x32-10 of Salmon et al. (SC'11), section 3.3: counter (..., 4), key (2,)."""
    x = [numpy.asarray(word, numpy.uint64) for word in counter]
    low = numpy.uint64(0xFFFFFFFF)
    shift = numpy.uint64(32)
    for turn in range(10):
        keys = [numpy.uint64((key[0] + turn * 0x9E3779B9) & 0xFFFFFFFF),
                numpy.uint64((key[1] + turn * 0xBB67AE85) & 0xFFFFFFFF)]
        a, b = x[0] * numpy.uint64(0xD2511F53), x[2] * numpy.uint64(0xCD9E8D57)
        x = [(b >> shift) ^ x[1] ^ keys[0], b & low, (a >> shift) ^ x[3] ^ keys[1], a & low]
    return x


def random_at(seed, purpose, epoch, count):
    index = numpy.arange(count, dtype=numpy.uint64)
    zeros = numpy.zeros_like(index)
    return philox([index, zeros, zeros + numpy.uint64(epoch), zeros + numpy.uint64(purpose)],
                  [seed & 0xFFFFFFFF, seed >> 32])


def our_order(seed, epoch, count):
    words = random_at(seed, SHUFFLE, epoch, count)
    ranks = [int(high) << 32 | int(low) for high, low in zip(words[1], words[0])]
    return sorted(range(count), key=lambda clip: (ranks[clip], clip))


def initial_weight(seed, row, shape, fan_in):
    words = random_at(seed, WEIGHTS, row, int(numpy.prod(shape)))
    bits = (words[0] << numpy.uint64(32) | words[1]) >> numpy.uint64(11)
    uniform = bits.astype(numpy.float64) * 2.0 ** -53
    return ((2 * uniform - 1) * (1 / numpy.sqrt(fan_in))).astype(numpy.float32).reshape(shape)


def run(command, source, target):
    with open(source, "rb") as standard_input, open(target, "wb") as standard_output:
        subprocess.run([tool(command[0]), *command[1:]], stdin=standard_input, stdout=standard_output, check=True)


def check_initial_weights(path, filters, classes, seed):
    ours = load_file(path)
    fan_in = {"conv1": 121, "conv2": 9 * filters, "conv3": 9 * filters, "conv4": 18 * filters, "fc1": 4 * filters}
    names = list(AudioNet(filters, classes).state_dict())
    good = all(numpy.array_equal(ours[name], initial_weight(seed, names.index(name), ours[name].shape, fan_in[layer]))
               for layer in fan_in for name in (layer + ".weight", layer + ".bias"))
    check(f"initial weights of seed {seed} are the generator's", good)


def train_torch(model, x, y, batches):
    """One epoch: the mean loss of each batch, the loss and the correctness of each clip when it was trained on."""
    optimizer = model.optimizer
    model.train()
    steps, losses, correct = [], [], 0
    for batch in batches:
        optimizer.zero_grad()
        logits = model(x[batch])
        each = functional.cross_entropy(logits, y[batch], reduction="none")
        each.mean().backward()
        optimizer.step()
        steps.append(each.mean().item())
        losses += each.tolist()
        correct += int((logits.argmax(1) == y[batch]).sum())
    return steps, sum(losses) / len(losses), correct / len(losses)


def evaluate_torch(model, x, y):
    model.eval()
    with torch.no_grad():
        logits = model(x)
        return functional.cross_entropy(logits, y).item(), float((logits.argmax(1) == y).double().mean())


def torch_epochs(state, kind, sizes, training, validation, seed, batch_size, epochs):
    filters, classes = sizes
    model = AudioNet(filters, classes).to(kind)
    model.load_state_dict({name: torch.from_numpy(numpy.array(state[name])).to(value.dtype)
                           for name, value in model.state_dict().items()})
    for layer in model.conv1, model.conv2, model.conv3, model.conv4:
        layer.bias.requires_grad_(False)
    model.optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=LEARNING_RATE)
    tensors = [(torch.from_numpy(records["x"].copy()).to(kind), torch.from_numpy(records["label"].astype(numpy.int64)))
               for records in (training, validation)]
    rows = []
    for epoch in range(1, epochs + 1):
        order = our_order(seed, epoch, len(training))
        batches = [order[at:at + batch_size] for at in range(0, len(order), batch_size)]
        steps, loss, accuracy = train_torch(model, *tensors[0], batches)
        rows.append((steps, [loss, accuracy, *evaluate_torch(model, *tensors[1])]))
    return rows


def our_epochs(directory, start, engine, folds, batch_size, epochs):
    rows = []
    last = start
    for epoch in range(1, epochs + 1):
        target = os.path.join(directory, f"{engine}-{epoch}")
        run(["train-epoch", f"--engine={engine}", f"--batch-size={batch_size}", f"--learning-rate={LEARNING_RATE}",
             "--validation=" + folds[2], *folds[:2]], last, target)
        with safe_open(target, "np") as file:
            texts = file.metadata()
            rows.append((file.get_tensor("metrics.step_loss").tolist(),
                         [float(texts[name]) for name in ("train_loss", "train_acc", "val_loss", "val_acc")]))
        last = target
    return rows


def worst_difference(a, b):
    worst = 0.0
    for (steps_a, row_a), (steps_b, row_b) in zip(a, b):
        assert len(steps_a) == len(steps_b)
        losses = list(zip(steps_a + row_a[0::2], steps_b + row_b[0::2]))
        worst = max(worst, *(abs(x - y) / abs(y) for x, y in losses))
    return worst


def accuracies(rows):
    return [row[1][1::2] for row in rows]


def draw(sizes, height, width, counts, state, *rest):
    """The folds on which PyTorch agrees with itself, and its results."""
    for number in range(100):
        folds = [clip_records(count, height, width, sizes[1], 10 * number + fold, fold=fold)
                 for fold, count in enumerate(counts, 1)]
        single, double = (torch_epochs(state, kind, sizes, numpy.concatenate(folds[:2]), folds[2], *rest)
                          for kind in (torch.float32, torch.float64))
        if worst_difference(single, double) <= TOLERANCE / 3 and accuracies(single) == accuracies(double):
            return number, folds, single
    sys.exit("no draw of a hundred on which PyTorch agrees with itself")


def compare(filters, height, width, classes, counts, seed, batch_size, epochs):
    with tempfile.TemporaryDirectory() as directory:
        start = os.path.join(directory, "start")
        run(["init-model", f"--filters={filters}", f"--classes={classes}", f"--seed={seed}"], os.devnull, start)
        check_initial_weights(start, filters, classes, seed)
        number, folds, expected = draw((filters, classes), height, width, counts, load_file(start), seed, batch_size,
                                       epochs)
        paths = [os.path.join(directory, f"fold-{fold}.npy") for fold in (1, 2, 3)]
        for path, records in zip(paths, folds):
            numpy.save(path, records)
        label = f"{epochs} x {sum(counts[:2])} clips in batches of {batch_size}, F={filters}, draw {number}"
        for engine in "exact", "openblas":
            ours = our_epochs(directory, start, engine, paths, batch_size, epochs)
            worst = worst_difference(ours, expected)
            check(f"{engine}, {label}: losses", worst <= TOLERANCE, f"{worst:.1e}")
            check(f"{engine}, {label}: accuracies", numpy.allclose(accuracies(ours), accuracies(expected), atol=1e-8),
                  str(accuracies(ours)))


torch.set_num_threads(2)
# Random123's known answer for counter and key of all ones.
check("the generator's published answer",
      [int(word) for word in philox([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2)] ==
      [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD])
compare(3, 16, 21, 3, (13, 8, 10), 7, 4, 1)
compare(2, 24, 30, 2, (9, 9, 7), 2 ** 40 + 5, 5, 3)
compare(8, 40, 61, 5, (20, 11, 10), 0, 8, 2)
finish()
