"""TAP for the tests in Python: call check() for each, finish() last."""
import sys

checks = 0
failures = 0


def check(name, good, *notes):
    global checks, failures
    checks += 1
    failures += not good
    print(f"{'ok' if good else 'not ok'} {checks} - {name}", flush=True)
    for note in notes:
        print(f"# {note}", flush=True)


def finish():
    print(f"1..{checks}")
    sys.exit(failures > 0)
