"""Times whole training steps and evaluations of 8 clips of 1 x 128 x 201 beside PyTorch's, in one run, medians of
interleaved turns; asserts nothing. Ours are the tools themselves: train-epoch tells the time of its steps, reading their
clips included, and of its start-up (--verbose); predict runs on a long and on a short fold, and the difference is the
time of the steps. PyTorch's steps work on one batch that is in memory.

usage: bench_training.py [TSV [REPEATS [FILTERS...]]], default: no file, 5, 8 16 32. From TSV come the peak and the
layers that bench_kernels measured; the rows are appended to it."""
import ast
import os
import re
import statistics
import subprocess
import sys
import tempfile

from bench_lib import (BIN, Peer, Rows, demo_data, list_clips, prepare, progress, ratio_text, ratios, run_tool,
                       threads_to_measure)

BATCH, ALL_CLIPS, SHORT_STEPS = 8, 400, 2
OPERATIONS = ("training", "evaluation")
ENGINES = ("exact", "openblas")
PYTORCH = ("default", "channels_last", "compiled")


def convolutions(filters):
    """Operations a clip of each layer: 2 k k C_in C_out H W."""
    return [2 * 121 * filters * 128 * 201, 2 * 9 * filters * filters * 128 * 201,
            2 * 9 * filters * 2 * filters * 64 * 100, 2 * 9 * 2 * filters * 4 * filters * 64 * 100]


def gflop(operation, filters):
    """Of the convolutions in a step, counted as direct ones: forward; in training both gradients too, but for the
    first layer's input."""
    layers = convolutions(filters)
    return BATCH * (sum(layers) if operation == "evaluation" else 3 * sum(layers) - layers[0]) / 1e9


def steps_to_time(operation, filters):
    """Enough for about a second on one core, and twice what the short fold has."""
    wanted = {"training": 200, "evaluation": 160}[operation] / gflop(operation, filters)
    return max(2 * SHORT_STEPS, min(ALL_CLIPS // BATCH - SHORT_STEPS, round(wanted)))


def cut_fold(fold, clips, output):
    """The first clips of a fold, dealt class by class, so that a short fold holds all classes too."""
    with open(fold, "rb") as file:
        start = file.read(10)
        header = ast.literal_eval(file.read(int.from_bytes(start[8:10], "little")).decode())
        records = file.read()
    size = len(records) // header["shape"][0]
    records = [records[i:i + size] for i in range(0, len(records), size)]
    seen, ranked = {}, []
    for i, record in enumerate(records):
        label = int.from_bytes(record[124:128], "little")
        seen[label] = seen.get(label, 0) + 1
        ranked.append((seen[label], label, i))
    text = repr({**header, "shape": (clips,)}).encode()
    text += b" " * (-(10 + len(text) + 1) % 64) + b"\n"
    with open(output, "wb") as file:
        file.write(start[:8] + len(text).to_bytes(2, "little") + text)
        for _, _, i in sorted(ranked)[:clips]:
            file.write(records[i])


class Ours:
    """Our tools, with the folds and checkpoints that they need."""

    def __init__(self, scratch, widths):
        self.scratch = scratch
        self.whole = os.path.join(scratch, "whole.npy")
        manifest = os.path.join(scratch, "manifest")
        data = demo_data(scratch)
        list_clips(data, manifest)
        prepare(data, manifest, self.whole, 0)
        steps = {SHORT_STEPS, *(SHORT_STEPS + steps_to_time(operation, filters)
                                for operation in OPERATIONS for filters in widths)}
        for count in steps:
            cut_fold(self.whole, BATCH * count, self.fold(count))
        for filters in widths:
            with open(self.checkpoint(filters), "wb") as out:
                subprocess.run([f"{BIN}/init-model", f"--filters={filters}"], stdout=out, check=True)

    def fold(self, steps):
        return os.path.join(self.scratch, f"fold-{steps}.npy")

    def checkpoint(self, filters):
        return os.path.join(self.scratch, f"filters-{filters}")

    def run(self, operation, filters, threads, engine, fold, *options, may_fail=False):
        tool = ["train-epoch", f"--batch-size={BATCH}"] if operation == "training" else ["predict"]
        with open(self.checkpoint(filters), "rb") as checkpoint:
            return run_tool([*tool, f"--engine={engine}", f"--threads={threads}", *options, fold], checkpoint, may_fail)

    def training_step(self, filters, threads, engine):
        """Seconds of one step and before the first, as train-epoch --verbose tells them."""
        fold = self.fold(SHORT_STEPS + steps_to_time("training", filters))
        with open(self.checkpoint(filters), "rb") as checkpoint:
            said = subprocess.run([f"{BIN}/train-epoch", f"--batch-size={BATCH}", f"--engine={engine}", "--verbose",
                                   f"--threads={threads}", fold], stdin=checkpoint, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, check=True, text=True).stderr
        start, step = re.search(r"before the first step ([0-9.]+) ms, a step ([0-9.]+) ms", said).groups()
        return float(step) / 1000, float(start) / 1000

    def step(self, operation, filters, threads, engine):
        """Seconds of one step, and of the start-up with a short fold."""
        if operation == "training":
            return self.training_step(filters, threads, engine)
        steps = steps_to_time(operation, filters)
        short, long = 0.0, 0.0
        while long <= short:  # again, if something else on the machine made the short one the longer
            short, _ = self.run(operation, filters, threads, engine, self.fold(SHORT_STEPS))
            long, _ = self.run(operation, filters, threads, engine, self.fold(SHORT_STEPS + steps))
        step = (long - short) / steps
        return step, short - SHORT_STEPS * step

    def reading(self, filters, threads):
        """Seconds that train-epoch takes longer to read and check the whole fold than the short one. It is asked for
        a batch larger than either, which it refuses when it has done so."""
        refused = f"--batch-size={ALL_CLIPS + 1}"
        folds = (self.whole, self.fold(SHORT_STEPS))
        whole, short = (self.run("training", filters, threads, "exact", fold, refused, may_fail=True)[0]
                        for fold in folds)
        return whole - short


class PyTorch:
    """PyTorch's variants, a process for each number of threads."""

    def __init__(self, threads):
        self.peers = {count: Peer(["torch"], count) for count in threads}
        first = self.peers[threads[0]]
        self.missing, self.version = first.missing, first.version
        self.failed = {variant: self.missing for variant in PYTORCH} if self.missing else {}

    def step(self, operation, filters, threads, variant):
        """Seconds, or None for a variant that does not work."""
        if variant in self.failed:
            return None
        steps = max(2, steps_to_time(operation, filters) // 3)
        try:
            word = {"training": "train", "evaluation": "evaluate"}[operation]
            return self.peers[threads].ask(word, filters, variant, steps)[0]
        except ValueError as reason:
            self.failed[variant] = str(reason)
            return None

    def close(self):
        for peer in self.peers.values():
            peer.close()


def peak_of_a_core(rows):
    """GFLOP/s of the widest vectors, or None."""
    peaks = [float(row["value"]) for row in rows.read() if row["what"] == "peak" and row["threads"] == "1"]
    return max(peaks, default=None)


def convolution_seconds(rows, filters):
    """Of a training step, from the layers as bench_kernels measured them, in our fastest variant; None without."""
    totals, layers = {}, convolutions(filters)
    for row in rows.read():
        if row["what"] == "convolution" and row["filters"] == str(filters) and row["variant"] != "openblas":
            operations = BATCH * layers[int(row["layer"][len("conv"):]) - 1]
            totals[row["variant"]] = totals.get(row["variant"], 0.0) + operations / float(row["value"]) / 1e9
    return min(totals.values(), default=None)


def usual(widths):
    """The one width of which start-up and memory are measured."""
    return 16 if 16 in widths else widths[-1]


def measure(ours, pytorch, widths, threads, repeats):
    """times[operation, filters, threads][variant]: seconds, a turn each; start_up: the same, of one width."""
    times, start_up = {}, []
    for turn in range(repeats):
        for filters in widths:
            for count in threads:
                for operation in OPERATIONS:
                    progress(f"turn {turn + 1} of {repeats}: {operation}, F = {filters}, {count} threads")
                    here = times.setdefault((operation, filters, count), {})
                    for variant in PYTORCH:
                        seconds = pytorch.step(operation, filters, count, variant)
                        if seconds is not None:
                            here.setdefault(f"pytorch_{variant}", []).append(seconds)
                    for engine in ENGINES:
                        seconds, start = ours.step(operation, filters, count, engine)
                        here.setdefault(engine, []).append(seconds)
                        if (operation, engine, filters, count) == ("training", "exact", usual(widths), threads[-1]):
                            start_up.append(start + ours.reading(filters, count))
    progress("")
    for here in times.values():
        for variant in [name for name in here if name.removeprefix("pytorch_") in pytorch.failed]:
            del here[variant]
    return times, start_up


def print_steps(operation, times, rows, peak, repeats):
    what = {"training": "A training step: forward, backward and Adam's update on 8 clips of 1 x 128 x 201",
            "evaluation": "Evaluation: the network's answer for 8 clips of 1 x 128 x 201"}[operation]
    shares = "; in brackets the share of the cores' FMA peak, counting direct convolutions" if peak else ""
    chosen = {key[1:]: here for key, here in times.items() if key[0] == operation}
    variants = list(next(iter(chosen.values())))
    variants.sort(key=lambda name: (name.startswith("pytorch_"), name not in ENGINES, name == "openblas"))
    compared = any(name.startswith("pytorch_") for name in variants)
    print(f"{what}.\nms, median of {repeats} interleaved turns{shares}.")
    if compared:
        print("Last column: time of PyTorch's best variant over that of exact (min - max); above 1, exact is faster.")
    names = [name.replace("pytorch_", "PyTorch ").replace("_last", "-last").replace("PyTorch ch", "ch")
             .replace("PyTorch co", "co") for name in variants]
    print("  F threads" + "".join(f"{name:>16}" for name in names) + ("   best PyTorch / exact" if compared else ""))
    for (filters, threads), here in chosen.items():
        line = f"{filters:>3} {threads:>7}"
        for variant in variants:
            seconds = here[variant]
            share = gflop(operation, filters) / statistics.median(seconds) / (threads * peak) if peak else 0.0
            line += f"{1000 * statistics.median(seconds):9.1f} " + (f"({100 * share:3.0f}%)" if peak else " " * 6)
            rows.add("step", variant, [1000 * second for second in seconds], "ms", filters=filters, threads=threads,
                     operation=operation, share_of_peak=f"{share:.3f}" if peak else "-")
        best = best_pytorch(here)
        if best:
            values = ratios(here["exact"], here[best])
            line += f"   {ratio_text(values)}"
            rows.add("ratio", f"{best}/exact", values, "times", filters=filters, threads=threads, operation=operation)
        print(line)
    print()


def best_pytorch(here):
    names = [name for name in here if name.startswith("pytorch_")]
    return min(names, key=lambda name: statistics.median(here[name]), default=None)


def print_cost(times, rows):
    print("The cost of being exact: the time of exact, the same bits everywhere, over that of openblas (min - max);\n"
          "below 1, exact is faster.")
    print("  F threads" + "".join(f"{operation:>22}" for operation in OPERATIONS))
    for filters, threads in dict.fromkeys(key[1:] for key in times):
        line = f"{filters:>3} {threads:>7}"
        for operation in OPERATIONS:
            here = times[operation, filters, threads]
            values = ratios(here["openblas"], here["exact"])
            line += f"{ratio_text(values):>22}"
            rows.add("ratio", "exact/openblas", values, "times", filters=filters, threads=threads, operation=operation)
        print(line)
    print()


def print_rest(times, start_up, ours, pytorch, rows, widths, threads):
    print("Beside the steps:")
    for filters in widths:
        alone = convolution_seconds(rows, filters)
        if alone:
            step = statistics.median(times["training", filters, 1]["exact"])
            print(f"  F = {filters}, 1 thread: the convolutions, as fast as alone above, take {100 * alone / step:.0f}"
                  f"% of a training step of {1000 * step:.1f} ms")
            rows.add("convolutions_in_step", "exact", [1000 * alone], "ms", filters=filters, threads=1,
                     operation="training")
    filters, most = usual(widths), threads[-1]
    starts = [1000 * seconds for seconds in start_up]
    print(f"  start-up of train-epoch, {ALL_CLIPS} clips read and checked, F = {filters}, {most} threads: "
          f"{statistics.median(starts):.0f} ms ({min(starts):.0f} - {max(starts):.0f})")
    rows.add("start_up", "exact", starts, "ms", filters=filters, threads=most, operation="training")
    _, memory = ours.run("training", filters, most, "exact", ours.whole)
    line = f"  peak memory of train-epoch, {ALL_CLIPS} clips, F = {filters}, {BATCH} in a step: {memory:.0f} MB"
    rows.add("memory", "exact", [memory], "MB", filters=filters, threads=most, operation="training")
    if not pytorch.missing:
        alone = Peer(["torch"], most)
        alone.ask("train", filters, "default", 1)
        theirs = alone.close()
        line += f"; of Python with PyTorch on one batch: {theirs:.0f} MB"
        rows.add("memory", "pytorch_default", [theirs], "MB", filters=filters, threads=most, operation="training")
    print(line)


def main(tsv="", repeats="5", *filters):
    rows, threads = Rows(tsv), threads_to_measure()
    widths = [int(text) for text in filters] or [8, 16, 32]
    peak = peak_of_a_core(rows)
    with tempfile.TemporaryDirectory(prefix="bitfast-bench-") as scratch:
        ours, pytorch = Ours(scratch, widths), PyTorch(threads)
        times, start_up = measure(ours, pytorch, widths, threads, int(repeats))
        pytorch.close()
        if pytorch.missing:
            print(f"PyTorch is not compared. {pytorch.missing}\n")
        else:
            rows.write({"what": "pytorch", "variant": pytorch.version.removeprefix("torch ")})
            print(f"Beside {pytorch.version.replace('torch', 'PyTorch')}, in its variants." + "".join(
                f"\n  left out: {variant}: {reason}" for variant, reason in pytorch.failed.items()) + "\n")
        for operation in OPERATIONS:
            print_steps(operation, times, rows, peak, repeats)
        print_cost(times, rows)
        print_rest(times, start_up, ours, pytorch, rows, widths, threads)


main(*sys.argv[1:])
