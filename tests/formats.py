"""Our files in the ecosystem's readers: numpy.load of folds, the safetensors package and PyTorch of checkpoints.

Run by build/venv's Python (Debian's torch, safetensors from PyPI); prints TAP."""
import json
import os
import subprocess
import tempfile

import numpy
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_torch

from audionet import AudioNet
from tap import check, finish

top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def check_folds():
    for name, shape in ("waveforms.npy", (1, 4000)), ("fold.npy", (1, 32, 21)):
        array = numpy.load(name, mmap_mode="r", allow_pickle=False)
        kind = numpy.dtype([("key", "S120"), ("fold", "<i4"), ("label", "<i4"), ("x", "<f4", shape)])
        check(f"{name}: dtype and shape", array.dtype == kind and array.shape == (20,), array.dtype)
        x = array["x"]
        check(f"{name}: x is mapped, finite and varied", isinstance(x, numpy.memmap) and not x.flags.owndata
              and numpy.isfinite(x).all() and x.std() > 0 and len({clip.tobytes() for clip in x}) == 20)
        check(f"{name}: keys, folds, labels", [tuple(row) for row in array[["key", "fold", "label"]].tolist()] == [
            (row[0].encode(), int(row[2]), int(row[3])) for row in manifest])
        with open(name, "rb") as file:
            check(f"{name}: is what numpy.save writes", file.read()[128:] == saved(array)[128:])


def saved(array):
    numpy.save("saved.npy", numpy.array(array))
    with open("saved.npy", "rb") as file:
        return file.read()


def check_checkpoint(name, epoch):
    reference = AudioNet(3, 10)
    state = reference.state_dict()
    tensors = load_file(name)
    trained = [name for name, _ in reference.named_parameters()]
    expected = {**{name: tuple(value.shape) for name, value in state.items()},
                **{f"adam.{part}.{name}": tuple(state[name].shape)
                   for part in ("exp_avg", "exp_avg_sq") for name in trained},
                "adam.step": ()}
    if epoch > 0:
        expected["metrics.step_loss"] = (3,)
    check(f"{name}: names and shapes", {name: value.shape for name, value in tensors.items()} == expected)
    counters = {"adam.step"} | {name for name in tensors if name.endswith(".num_batches_tracked")}
    check(f"{name}: types", all(str(value.dtype) == ("int64" if name in counters else "float32")
                                for name, value in tensors.items()))
    with safe_open(name, "np") as file:
        texts = file.metadata()
    check(f"{name}: metadata", texts["format"] == "bitfast-checkpoint-1" and texts["epoch"] == str(epoch)
          and json.loads(texts["classes"]) == classes and texts["filters"] == "3" and texts["seed"] == "11"
          and texts["n_mels"] == "32" and texts["clip_seconds"] == "0.5", texts)
    # written by the package again, it is still our checkpoint
    save_file(tensors, name + "-again", texts)
    compared = subprocess.run(["predict", "--model=" + name + "-again", "fold.npy"], capture_output=True)
    check(f"{name}: written again by the package", compared.stdout == predictions(name) != b"", compared.stderr)


def predictions(name):
    return subprocess.run(["predict", "--model=" + name, "fold.npy"], capture_output=True, check=True).stdout


def check_torch(name):
    model = AudioNet(3, 10)
    kept = {key: value for key, value in load_torch(name).items() if not key.startswith(("adam.", "metrics."))}
    model.load_state_dict(kept)
    model.eval()
    x = torch.from_numpy(numpy.load("fold.npy")["x"].copy())
    expected = torch.softmax(model(x).detach().double(), 1).numpy()
    rows = [line.split("\t") for line in predictions(name).decode().splitlines()]
    worst = numpy.abs(numpy.array([row[2:] for row in rows[1:]], dtype=float) - expected).max()
    check(f"{name}: PyTorch takes it and gives predict's probabilities", rows[0][2:] == classes and worst < 1e-5,
          f"{worst:.1e}")


os.environ["PATH"] = os.path.join(top, "bin") + ":" + os.environ["PATH"]
with tempfile.TemporaryDirectory() as directory:
    os.chdir(directory)
    shell = lambda text: subprocess.run(["bash", "-euo", "pipefail", "-c", text], check=True)
    shell("""synth-clips --clips-per-class=2 --folds=2 --sample-rate=8000 --seconds=0.5 set
        list-clips set > manifest.tsv
        decode-audio --root=set --clip-seconds=0.5 < manifest.tsv > waveforms.npy
        log-mel --n-mels=32 < waveforms.npy > fold.npy
        { printf 'label\\tclass\\n'; tail -n +2 manifest.tsv | cut -f 4,5 | sort -nu; } > classes.tsv
        init-model --filters=3 --classes=classes.tsv --seed=11 --clip-seconds=0.5 --n-mels=32 > epoch-0
        train-epoch fold.npy < epoch-0 > epoch-1""")
    with open("manifest.tsv") as file:
        manifest = [line.rstrip("\n").split("\t") for line in file][1:]
    with open("classes.tsv") as file:
        classes = [line.rstrip("\n").split("\t")[1] for line in file][1:]
    check_folds()
    for number in 0, 1:
        check_checkpoint(f"epoch-{number}", number)
        check_torch(f"epoch-{number}")
    os.chdir(top)
finish()
