# Test helper for the tools around the table of runs: results/ with two runs by hand, their records and environments.
# Source it after tests/lib.sh.

# record RUN: its record.json, with the digests that sha256sum finds.
record() {
    (cd results/"$1" && sha256sum log.csv test_scores.json run.tsv) >sums
    (cd results/"${1%/*}" && sha256sum epoch-002.safetensors) >model
    /usr/bin/python3 - "$1" <<'PYTHON'
import json, sys
run = sys.argv[1]
sums = [line.split() for line in open('sums')]
outputs = [{'path': f'results/{run}/{name}', 'sha256': sha256} for sha256, name in sums]
model = open('model').read().split()
header, row = [line.rstrip('\n').split('\t') for line in open(f'results/{run}/run.tsv')]
parameters = {name: value for name, value in zip(header, row) if name.isupper()}
steps = [{'path': f'results/{run}/predictions.tsv', 'sha256': '0' * 64, 'command': 'predict',
          'inputs': [{'path': f'results/{run.split("/")[0]}/{model[1]}', 'sha256': model[0]}]}]
tools = [{'path': 'bin/train-epoch', 'sha256': ('a' if '/five' in run else 'b') * 64},
         {'path': 'bin/score', 'sha256': 'c' * 64}]
inputs = [{'path': 'data/prepared/demo/clips.tsv', 'sha256': 'd' * 64}]
with open(f'results/{run}/record.json', 'w') as file:
    json.dump({'format': 'bitfast-run-1', 'run': run, 'parameters': parameters, 'tools': tools, 'inputs': inputs,
               'outputs': outputs, 'steps': steps}, file)
environment = {'command': 'make local_train', 'user': 'ann', 'seconds': 12.5, 'cpu': 'one', 'kernels': 'avx2',
               'system': 'Debian', 'compiler': 'gcc 12.2.0', 'libraries': {'fftw': '3.3.10', 'soxr': '0.1.3'},
               'code': {'revision': 'e' * 40, 'dirty': False, 'diff': None}}
if '/five' in run:
    environment['libraries']['fftw'] = '3.3.9'
    environment['code'] = {'revision': 'f' * 40, 'dirty': True, 'diff': 'code.diff'}
    open(f'results/{run}/code.diff', 'w').write('a change\n')
with open(f'results/{run}/environment.json', 'w') as file:
    json.dump(environment, file)
PYTHON
}

# add_run RUN FILTERS SEED VAL_ACC: whole, but for predictions.
add_run() {
    mkdir -p results/"$1"
    printf 'epoch,train_loss,train_acc,val_loss,val_acc\n1,2,0.1,2,0.1\n2,1.5,0.5,1.75,%s\n' "$4" >results/"$1"/log.csv
    printf '{"test_acc": 0.5, "test_loss": 1.25}\n' >results/"$1"/test_scores.json
    printf 'DATASET = demo\nFILTERS = %s\nSEED = %s\n' "$2" "$3" >results/"$1"/parameters.mk
    run-record --name="$1" --log=results/"$1"/log.csv --scores=results/"$1"/test_scores.json \
        DATASET=demo FILTERS="$2" SEED="$3" >results/"$1"/run.tsv
    printf 'step\tseconds\nepoch-001\t1.25\nepoch-002\t2\n' >results/"$1"/times.tsv
    echo "weights of $1" >results/"${1%/*}"/epoch-002.safetensors
    record "$1"
}

two_runs() {
    add_run demo_filters-16_seed-0/four 16 0 0.5
    add_run demo_filters-32_seed-1/five 32 1 0.625
}

# The first eight digits of the sha256 of a run's name, as sha256sum finds them.
id() {
    printf %s "$1" | sha256sum | cut -c -8
}
