#!/usr/bin/python3
"""score against numpy: the same figures from the definitions in include/scores.h, computed another way (AUC by counting
pairs, ROC by comparing every clip with every threshold), on random predictions with many ties."""
import json
import os
import subprocess

import numpy

from tap import check, finish

tool = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'bin', 'score')


def score(text, *options):
    return subprocess.run([tool, *options], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()


def read_table(text):
    lines = [line.split('\t') for line in text.splitlines()]
    return lines[0], lines[1:]


def close(found, expected):
    return numpy.allclose(numpy.array(found, float), numpy.array(expected, float), rtol=5.1e-9, atol=0, equal_nan=True)


def divide(a, b):
    return a / b if b else float('nan')


def predictions(random, clips, classes, absent):
    """Probabilities in steps of 1/8 or 1/16, so that they tie and are exact; the truth's is never 0."""
    truth = random.integers(0, classes - absent, clips)
    steps = 8 if classes < 5 else 16
    counts = random.multinomial(steps - 1, numpy.full(classes, 1 / classes), clips)
    counts[numpy.arange(clips), truth] += 1
    return truth, counts / steps


def compare(seed, clips, classes, absent):
    random = numpy.random.default_rng(seed)
    truth, p = predictions(random, clips, classes, absent)
    names = [f'class {c}' for c in range(classes)]
    rows = [f'clip-{i}\t{names[truth[i]]}\t' + '\t'.join(f'{x:.9g}' for x in p[i]) for i in range(clips)]
    text = '\n'.join(['\t'.join(['key', 'truth', *names]), *rows]) + '\n'
    title = f'{clips} clips, {classes} classes, {absent} without a clip'
    predicted = p.argmax(axis=1)

    found = json.loads(score(text))
    check(f'accuracy and loss: {title}',
          list(found) == ['test_acc', 'test_loss', 'correct', 'total'] and
          close([found['test_acc'], found['test_loss']],
                [(predicted == truth).mean(), -numpy.log(p[numpy.arange(clips), truth]).mean()]) and
          found['correct'] == (predicted == truth).sum() and found['total'] == clips)

    confusion = numpy.zeros((classes, classes), int)
    numpy.add.at(confusion, (truth, predicted), 1)
    header, rows = read_table(score(text, '--table=confusion'))
    check(f'confusion matrix: {title}',
          header == ['truth', *names] and [r[0] for r in rows] == names and
          numpy.array_equal(numpy.array([r[1:] for r in rows], int), confusion))

    expected = []
    for c in range(classes):
        is_c, called_c = truth == c, predicted == c
        recall, precision = divide((is_c & called_c).sum(), is_c.sum()), divide((is_c & called_c).sum(), called_c.sum())
        if (is_c | called_c).any():
            f1 = 0 if not (is_c & called_c).any() else 2 / (1 / recall + 1 / precision)
        else:
            f1 = float('nan')
        wins = numpy.sign(p[is_c, c][:, None] - p[~is_c, c][None, :]) / 2 + 0.5
        expected.append([is_c.sum(), recall, precision, f1, wins.mean() if wins.size else float('nan')])
    header, rows = read_table(score(text, '--table=classes'))
    check(f'recall, precision, f1, auc: {title}',
          header == ['class', 'clips', 'recall', 'precision', 'f1', 'auc'] and [r[0] for r in rows] == names and
          close([r[1:] for r in rows], expected))

    expected = []
    for c in range(classes):
        for threshold in [float('inf'), *sorted(set(p[:, c]), reverse=True)]:
            positive = p[:, c] >= threshold
            expected.append([c, threshold, divide((positive & (truth != c)).sum(), (truth != c).sum()),
                             divide((positive & (truth == c)).sum(), (truth == c).sum())])
    header, rows = read_table(score(text, '--table=roc'))
    check(f'ROC: {title}',
          header == ['class', 'threshold', 'false_positive_rate', 'true_positive_rate'] and
          close([[names.index(r[0]), *r[1:]] for r in rows], expected))


for case in [(1, 200, 10, 0), (2, 37, 3, 1), (3, 1, 1, 0), (4, 80, 50, 5), (5, 3000, 2, 0)]:
    compare(*case)

# Two million fields: time must grow with their number, which a table read in quadratic time would show here.
truth, p = predictions(numpy.random.default_rng(6), 40000, 50, 0)
text = '\t'.join(['key', 'truth', *map(str, range(50))]) + '\n'
text += ''.join(f'{i}\t{truth[i]}\t' + '\t'.join(f'{x:g}' for x in p[i]) + '\n' for i in range(len(truth)))
check('40000 clips of 50 classes', json.loads(score(text))['correct'] == (p.argmax(axis=1) == truth).sum())

finish()
