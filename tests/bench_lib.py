"""What the benchmarks in Python share: samples and their ratios, the rows of the report, timed tools, and the peers
(PyTorch, torchaudio), which run in processes of their own. Needs nothing but Python, so that it measures what is ours
also where there is no PyTorch."""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.join(os.path.dirname(HERE), "bin")
# The columns of results/bench.tsv; '-' stands where one does not apply.
COLUMNS = ("what", "filters", "threads", "layer", "operation", "variant", "value", "unit", "min", "max",
           "share_of_peak")


class Rows:
    """The machine-readable report: rows are appended to a file, if there is one."""

    def __init__(self, path):
        self.path = path

    def add(self, what, variant, values, unit, digits=4, **columns):
        """`values`: a list of measurements, of which median, min and max are written."""
        numbers = {"value": statistics.median(values), "min": min(values), "max": max(values)}
        cells = {"what": what, "variant": variant, "unit": unit, **columns,
                 **{name: f"{number:.{digits}g}" for name, number in numbers.items()}}
        self.write(cells)

    def write(self, cells):
        if self.path:
            with open(self.path, "a") as file:
                file.write("\t".join(str(cells.get(column, "-")) for column in COLUMNS) + "\n")

    def read(self):
        """All rows so far, as dictionaries of texts."""
        if not self.path or not os.path.exists(self.path):
            return []
        with open(self.path) as file:
            rows = [line.rstrip("\n").split("\t") for line in file]
        return [dict(zip(COLUMNS, row)) for row in rows if tuple(row) != COLUMNS]


def ratios(ours, theirs):
    """Their time over ours, turn by turn."""
    return [b / a for a, b in zip(ours, theirs)]


def ratio_text(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} - {max(values):.2f})"


def threads_to_measure():
    """1 and 2, as far as there are processors."""
    return list(range(1, 1 + min(2, len(os.sched_getaffinity(0)))))


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def run_tool(command, stdin=None, may_fail=False):
    """Runs one of our tools; gives its seconds and its peak memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen([os.path.join(BIN, command[0]), *command[1:]], stdin=stdin or subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL if may_fail else None)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 and not may_fail:
        sys.exit(f"{' '.join(command)}: exit status {process.returncode}")
    return seconds, usage.ru_maxrss / 1024


def list_clips(directory, manifest):
    """The manifest of a data set's folder, with the digest of every file, which decode-audio will check."""
    with open(manifest, "wb") as file:
        subprocess.run([f"{BIN}/list-clips", "--sha256", directory], stdout=file, check=True)


def prepare(directory, manifest, output, threads):
    """Features of all clips in a manifest, by our two tools in a pipe."""
    with open(manifest, "rb") as clips, tempfile.TemporaryFile() if output is None else open(output, "wb") as file:
        decoding = subprocess.Popen([f"{BIN}/decode-audio", f"--root={directory}", f"--threads={threads}"],
                                    stdin=clips, stdout=subprocess.PIPE)
        subprocess.run([f"{BIN}/log-mel", f"--threads={threads}"], stdin=decoding.stdout, stdout=file, check=True)
        if decoding.wait() != 0:
            sys.exit("a tool failed")


def demo_data(directory):
    """The demo data set of 400 clips, in a new folder of that directory."""
    folder = os.path.join(directory, "demo")
    subprocess.run([f"{BIN}/synth-clips", folder], check=True)
    return folder


class Peer:
    """bench_peers.py in the interpreter $PYTHON, on so many threads. `missing` says why there is none."""

    def __init__(self, modules, threads):
        interpreter = os.environ.get("PYTHON") or "/usr/bin/python3"
        program = shutil.which(interpreter)
        self.missing, self.version, self.process = None, None, None
        if program is None:
            self.missing = f"no program '{interpreter}'"
            return
        # Each library has its own idea of the number of threads.
        limits = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL")}
        self.process = subprocess.Popen([program, os.path.join(HERE, "bench_peers.py"), str(threads), *modules],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **limits})
        first = self.process.stdout.readline().rstrip("\n")
        if first.startswith("ready "):
            self.version = first[len("ready "):]
            return
        self.missing = f"{interpreter}: {first.removeprefix('missing ') or 'does not run Python'}"
        if not os.environ.get("PYTHON"):
            self.missing += " (make check-deps installs it)"
        self.close()

    def ask(self, *words):
        """The numbers of the answer; ValueError with the peer's reason if there are none."""
        try:
            self.process.stdin.write("\t".join(map(str, words)) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline().rstrip("\n")
        except BrokenPipeError:
            answer = ""
        if answer.startswith("error ") or not answer:
            raise ValueError(answer[len("error "):] or "it stopped")
        time.sleep(0.02)  # its idle threads spin for a moment before they sleep
        return [float(word) for word in answer.split()]

    def close(self):
        """Ends it; gives its peak memory in MB."""
        if self.process is None:
            return 0.0
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # it stopped before
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = status
        self.process.stdout.close()
        self.process = None
        return usage.ru_maxrss / 1024
