#!/usr/bin/python3
"""tensor-print and tensor-compare, and through them the readers of clips and safetensors: files made by numpy, struct
and json alone; what is printed against numpy; broken and hostile files, each of which must give one line and its exit
status."""
import json
import os
import struct
import subprocess
import tempfile

import numpy

from tap import check, finish

top = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
printer, comparer = os.path.join(top, 'bin', 'tensor-print'), os.path.join(top, 'bin', 'tensor-compare')


def run(*arguments, data=b''):
    result = subprocess.run(arguments, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def safetensors(tensors, metadata=None, order=None):
    header, data = {}, b''
    if metadata is not None:
        header['__metadata__'] = metadata
    for name, array in tensors.items():
        kind = {'float32': 'F32', 'int64': 'I64'}[array.dtype.name]
        offsets = [len(data), len(data) + array.nbytes]
        header[name] = {'dtype': kind, 'shape': list(array.shape), 'data_offsets': offsets}
        data += array.tobytes()
    if order:
        header = {name: header[name] for name in order}
    return with_header(json.dumps(header), data)


def with_header(text, data=b''):
    text = text.encode() if isinstance(text, str) else text
    return struct.pack('<Q', len(text)) + text + data


def clips(keys=('a', 'b'), shape=(1, 3), folds=(1, 2), labels=(0, 1), x=None, version=(1, 0)):
    array = numpy.zeros(len(keys), [('key', 'S120'), ('fold', '<i4'), ('label', '<i4'), ('x', '<f4', shape)])
    array['key'], array['fold'], array['label'] = keys, folds, labels
    array['x'] = numpy.arange(array['x'].size).reshape(array['x'].shape) / 4 if x is None else x
    with tempfile.TemporaryFile() as file:
        numpy.lib.format.write_array(file, array, version)
        file.seek(0)
        return file.read()


def refused(name, data, says):
    """By tensor-print from a pipe and from a file, and by tensor-compare with status 2; one line, no signal."""
    with open('bad', 'wb') as file:
        file.write(data)
    for how, result in (('pipe', run(printer, data=data)), ('file', run(printer, 'bad')),
                        ('compare', run(comparer, 'bad', 'bad'))):
        status, _, error = result
        good = status == (2 if how == 'compare' else 1) and error.count('\n') == 1
        good = good and any(text in error for text in (says if isinstance(says, tuple) else (says,)))
        check(f'{name} is refused ({how})', good, *result)


def expect(name, arguments, status, *says):
    result = run(*arguments)
    check(name, result[0] == status and all(text in result[1] + result[2] for text in says), *result)


def write(name, data):
    with open(name, 'wb') as file:
        file.write(data)
    return name


def test_printing():
    random = numpy.random.default_rng(1)
    arrays = {'conv1.weight': random.normal(size=(4, 1, 3, 3)).astype('f4'), 'step': numpy.array(2**53 + 1, 'i8'),
              'empty': numpy.zeros((0, 3), 'f4'), 'odd': numpy.array([1, numpy.nan, 3], 'f4'),
              'ends': numpy.array([-numpy.inf, -0.0, 1e-45, 3.4e38], 'f4'), 'counts': numpy.arange(-3, 9)}
    status, out, _ = run(printer, '--values', data=safetensors(arrays, {'epoch': '3', 'note': 'tab\tline\n\\'}))
    lines = [line.split('\t') for line in out.splitlines()]
    good = status == 0 and lines[0] == ['name', 'type', 'shape', 'min', 'max', 'mean', 'values']
    good = good and [line[0] for line in lines[1:]] == list(arrays)
    for line in lines[1:] if good else ():
        array = arrays[line[0]]
        good = good and line[2] == ('x'.join(map(str, array.shape)) or 'scalar')
        good = good and line[1] == ('F32' if array.dtype == 'f4' else 'I64')
        values = numpy.array(line[6].split(), array.dtype)
        good = good and values.tobytes() == array.tobytes() or line[0] == 'odd'
        if array.size and line[0] != 'odd':
            good = good and numpy.array(line[3:5], array.dtype).tolist() == [array.min(), array.max()]
            good = good and numpy.isclose(float(line[5]), array.astype('f8').mean(), rtol=1e-8)
        else:
            good = good and line[3:6] == ['nan'] * 3
    check('safetensors: every figure and value against numpy', good, out)
    data = safetensors(arrays, {'epoch': '3', 'note': 'tab\tline\n\\'})
    check('the metadata', run(printer, '--metadata', data=data)[1] ==
          'name\tvalue\nepoch\t3\nnote\ttab\\x09line\\x0a\\x5c\n')
    status, out, _ = run(printer, '--tensor=step', '--values', data=data)
    check('one tensor', out.splitlines()[1:] == ['step\tI64\tscalar\t9007199254740993\t9007199254740993\t'
                                                 '9.00719925e+15\t9007199254740993'], out)
    status, _, error = run(printer, '--tensor=setp', data=data)
    check('a tensor that is not there', status == 1 and "the nearest is 'step'" in error)
    check('tensors without values from hand-made bytes', run(printer, data=with_header('{}'))[0] == 0)

    status, out, _ = run(printer, '--values', data=clips())
    check('clips', out == 'key\tfold\tlabel\ttype\tshape\tmin\tmax\tmean\tvalues\n'
          'a\t1\t0\tF32\t1x3\t0\t0.5\t0.25\t0 0.25 0.5\nb\t2\t1\tF32\t1x3\t0.75\t1.25\t1\t0.75 1 1.25\n', out)
    for version in (2, 0), (3, 0):
        check(f'clips, .npy version {version[0]}', run(printer, data=clips(version=version))[0] == 0)
    check('no clips', run(printer, data=clips((), folds=(), labels=()))[1].count('\n') == 1)
    check('one clip', run(printer, '--tensor=b', data=clips())[1].count('\n') == 2)
    order = ['b', 'a', 'empty']
    arrays = {'empty': numpy.zeros(0, 'f4'), 'a': numpy.ones(2, 'f4'), 'b': numpy.ones(1, 'f4')}
    check('a header in another order than the data, with an empty tensor first',
          [line.split('\t')[0] for line in run(printer, data=safetensors(arrays, order=order))[1].splitlines()] ==
          ['name', 'empty', 'a', 'b'])
    for tool, arguments in (printer, ['ok']), (comparer, ['ok', 'other']):
        write('ok', safetensors(arrays))
        write('other', safetensors({'a': numpy.zeros(2, 'f4')}))
        with open('/dev/full', 'w') as full:
            status = subprocess.run([tool, *arguments], stdout=full, stderr=subprocess.PIPE)
        check(f'{os.path.basename(tool)} notices a full disk', status.returncode == (1 if tool == printer else 2) and
              b'No space left' in status.stderr)


def test_comparing():
    base = {'w': numpy.array([[1, 2, 3], [4, 5, 6]], 'f4'), 'n': numpy.array([1, 2], 'i8')}
    a = write('a', safetensors(base, {'epoch': '1'}))
    def other(name, **changed):
        return write(name, safetensors({**base, **changed}, {'epoch': '1'}))
    expect('the same', [comparer, a, other('b')], 0)
    expect('the same in another order', [comparer, a, write('b', safetensors(dict(reversed(base.items())),
                                                                             {'epoch': '1'}))], 0)
    b = other('b', w=numpy.array([[1, 2, 3.5], [4, 7, 6]], 'f4'))
    expect('first and largest difference', [comparer, a, b], 1, 'first difference: w[0,2]: 3 and 3.5\n',
           'largest difference: w[1,1]: 5 and 7, 2 apart\n', 'differing values: 2 of 8\n')
    expect('within the tolerance', [comparer, '--tolerance=2', a, b], 0)
    expect('one within the tolerance', [comparer, '--tolerance=0.5', a, b], 1, 'first difference: w[1,1]',
           'differing values: 1 of 8')
    expect('within the relative tolerance of 2/7', [comparer, '--relative=0.2858', a, b], 0)
    expect('beyond the relative tolerance of 2/7', [comparer, '--relative=0.2857', a, b], 1, 'w[1,1]')
    expect('both tolerances add up', [comparer, '--relative=0.2', '--tolerance=0.61', a, b], 0)
    expect('integers have no tolerance', [comparer, '--tolerance=9', a, other('b', n=numpy.array([1, 3], 'i8'))], 1,
           'n[1]: 2 and 3')
    big = [write(f'big{i}', safetensors({'n': numpy.array([2**62 + i], 'i8')})) for i in (0, 1)]
    expect('integers that are one double', [comparer, *big], 1, f'n[0]: {2**62} and {2**62 + 1}')
    nan = numpy.array([[1, 2, numpy.nan], [4, 5, 6]], 'f4')
    c, d = other('c', w=nan), other('d', w=nan)
    expect('the same NaN', [comparer, c, d], 0)
    expect('a NaN with a tolerance', [comparer, '--tolerance=9', c, d], 1, 'nan and nan, inf apart')
    infinite = other('e', w=numpy.array([[1, 2, numpy.inf], [4, 5, 6]], 'f4'))
    expect('infinities with a tolerance', [comparer, '--tolerance=9', infinite, infinite], 0)
    expect('infinite against finite', [comparer, '--tolerance=9', '--relative=9', a, infinite], 1, 'w[0,2]: 3 and inf')
    zeros = [write(f'zero{i}', safetensors({'w': numpy.array([z], 'f4')})) for i, z in enumerate((0.0, -0.0))]
    expect('zeros of two signs by bits', [comparer, *zeros], 1, 'w[0]: 0 and -0')
    expect('zeros of two signs by value', [comparer, '--tolerance=1e-300', *zeros], 0)
    expect('another shape', [comparer, a, other('b', w=base['w'].T)], 1, 'w: F32 2x3 and F32 3x2')
    expect('another type', [comparer, a, other('b', n=numpy.array([1, 2], 'f4'))], 1, 'n: I64 2 and F32 2')
    expect('names', [comparer, a, write('b', safetensors({'w': base['w'], 'm': base['n']}, {'epoch': '1'}))], 1,
           'n: only in the first', 'm: only in the second')
    m = write('m', safetensors(base, {'epoch': '2', 'seed': '0'}))
    expect('metadata', [comparer, a, m], 1, 'metadata epoch: 1 and 2', 'metadata seed: only in the second')
    expect('metadata the other way round', [comparer, m, a], 1, 'metadata seed: only in the first')
    def of_engine(name, engine):
        return write(name, safetensors(base, {'epoch': '1', 'engine': engine}))
    exact, openblas, mixed = (of_engine(name, name) for name in ('exact', 'openblas', 'mixed'))
    note = '; results of openblas are comparable on like machines only\n'
    expect('exact and openblas', [comparer, exact, openblas], 1, 'engines: exact and openblas' + note)
    expect('a checkpoint of no engine and one of several', [comparer, a, mixed], 1, 'engines: none and mixed' + note)
    expect('engines within a tolerance', [comparer, '--ignore-metadata', '--tolerance=1', openblas, exact], 0,
           'engines: openblas and exact' + note)
    expect('openblas twice', [comparer, openblas, openblas], 0, 'engines: openblas and openblas' + note)
    check('exact twice says nothing', run(comparer, exact, exact) == (0, '', ''))
    expect('ignored metadata', [comparer, '--ignore-metadata', a, m], 0)
    p = write('p', clips())
    expect('the same clips', [comparer, p, write('q', clips(version=(2, 0)))], 0)
    expect('another key', [comparer, p, write('q', clips(('a', 'c')))], 1, "clip 2: 'b', fold 2, label 1 and 'c'")
    expect('another fold', [comparer, p, write('q', clips(folds=(3, 2)))], 1, 'clip 1: ')
    expect('another label', [comparer, p, write('q', clips(labels=(-1, 1)))], 1, 'clip 1: ')
    expect('another sample', [comparer, p, write('q', clips(x=[[[0, .25, .5]], [[.75, 1, 9]]]))], 1,
           'b[0,2]: 1.25 and 9')
    expect('fewer clips', [comparer, p, write('q', clips(('a',), folds=(1,), labels=(0,)))], 1, 'clips: 2 and 1')
    expect('another clip shape', [comparer, p, write('q', clips(shape=(3, 1)))], 1, 'a: F32 1x3 and F32 3x1')
    expect('clips against tensors', [comparer, p, a], 1, 'kind: clips and tensors')
    expect('a file that is not there', [comparer, a, 'none'], 2, "cannot open 'none'")
    expect('one operand', [comparer, a], 2)
    expect('three operands', [comparer, a, a, a], 2)
    expect('a negative tolerance', [comparer, '--tolerance=-1', a, a], 2)
    expect('a directory', [comparer, a, '.'], 2, 'Is a directory')
    write('longer', clips() + b'x')
    expect('a difference, then trouble', [comparer, p, 'longer'], 2, 'goes on after')


def test_bad_clips():
    good = clips()
    start = len(good) - 2 * 140
    for length in (0, 1, 5, 6, 9, 10, 11, 60, start - 1, start, start + 1, start + 139, start + 140, len(good) - 1):
        refused(f'.npy cut to {length} bytes', good[:length], ('is empty', 'ends within', 'not a', 'expected'))
    refused('.npy with a byte too many', good + b'\0', ('goes on after', 'promises'))
    def header(text, version=1, data=good[start:], length=None):
        text = text.encode()
        size = struct.pack('<H' if version == 1 else '<I', len(text) if length is None else length)
        return b'\x93NUMPY' + bytes([version, 0]) + size + text + data
    text = good[10:start].decode()
    check('the header put together again', run(printer, data=header(text))[0] == 0)
    kind = 'holds another kind of array'
    for name, changed in (
            ('fortran order', text.replace('False', 'True')), ('two dimensions', text.replace('(2,)', '(2, 1)')),
            ('no dimension', text.replace('(2,)', '()')), ('a negative count', text.replace('(2,)', '(-2,)')),
            ('a count of 19 digits', text.replace('(2,)', '(1000000000000000000,)')),
            ('big-endian numbers', text.replace('<f4', '>f4')), ('doubles', text.replace('<f4', '<f8')),
            ('shorter keys', text.replace('S120', 'S12')), ('another field', text.replace("'fold'", "'gold'")),
            ('a clip without a value', text.replace('(1, 3)', '(1, 0)')),
            ('a clip of 2^56 values', text.replace('(1, 3)', '(268435456, 268435456)')),
            ('a clip of 2^29 values', text.replace('(1, 3)', '(2, 268435456)')),
            ('four dimensions a clip', text.replace('(1, 3)', '(1, 1, 1, 3)')),
            ('no shape', text.replace("'shape': (2,), ", '')),
            ('a shape twice', text.replace("'shape': (2,), ", "'shape': (2,), " * 2)),
            ('another entry', text.replace('{', "{'more': 1, ")), ('text after the end', text + 'x'),
            ('a zero byte', text[:-5] + '\0' + text[-4:]), ('no closing brace', text.replace('}', ' ')),
            ('only braces', '{}'), ('nothing', '')):
        refused(f'.npy header with {name}', header(changed), kind)
    claim = ('more than fit', 'ends within', 'promises')
    refused('.npy that claims 10^18 - 1 clips', header(text.replace('(2,)', '(999999999999999999,)')), claim)
    refused('.npy that claims 10^12 clips', header(text.replace('(2,)', '(1000000000000,)')), claim)
    refused('.npy that claims clips of 2^28 values', header(text.replace('(1, 3)', '(1, 268435456)')), claim)
    refused('.npy version 0', header(text, 0), 'version')
    refused('.npy version 4', header(text, 4), 'version')
    refused('.npy header of 2^32 - 1 bytes', header(text, 2, length=2**32 - 1), 'expected at most')
    refused('.npy header of 65535 bytes', header(text, 1, length=65535), 'expected at most')
    refused('.npy of plain floats', npy(numpy.zeros(3, 'f4')), kind)
    refused('.npy of an object', npy(numpy.array([{}], object), True), kind)
    for value in numpy.nan, numpy.inf, -numpy.inf:
        refused(f'a sample of {value}', clips(x=[[[0, 0, 0]], [[0, value, 0]]]), "clip 'b' holds")
    refused('an empty key', clips(('a', '')), 'record 2 has a bad key')
    refused('a key without an end', clips(('a', 'x' * 120)), 'record 2 has a bad key')
    refused('a key with a tab', clips(('a', 'b\tc')), 'record 2 has a bad key')
    refused('a key with a zero byte', clips(('a', 'b\0c')), 'record 2 has a bad key')
    refused('bytes without a meaning', numpy.random.default_rng(5).bytes(100000), 'is not a')
    refused('a magic number and zeros', b'\x93NUMPY' + bytes(4096), 'version')


def npy(array, pickled=False):
    with tempfile.TemporaryFile() as file:
        numpy.save(file, array, allow_pickle=pickled)
        file.seek(0)
        return file.read()


def test_bad_safetensors():
    good = safetensors({'a': numpy.ones(3, 'f4'), 'b': numpy.ones((2, 2), 'i8')}, {'k': 'v'})
    size = 8 + struct.unpack('<Q', good[:8])[0]
    for length in (0, 1, 7, 8, 9, 30, size - 1, size, size + 1, size + 12, len(good) - 1):
        refused(f'safetensors cut to {length} bytes', good[:length],
                ('is empty', 'is not a', 'ends within', 'bytes after its header'))
    refused('safetensors with a byte too many', good + b'\0', ('goes on after', 'bytes after its header'))
    for length in 0, 1, 2**24 + 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1:
        refused(f'a header of {length} bytes', struct.pack('<Q', length) + good[8:], 'is not a safetensors file')
    refused('a header of 2^24 bytes that is not there', struct.pack('<Q', 2**24) + good[8:], 'ends within its header')
    def tensor(text, name='a', values=3):
        return with_header('{"%s":%s}' % (name, text), bytes(4 * values))
    def described(kind='"F32"', shape='[3]', begin='0', end='12'):
        return tensor('{"dtype":%s,"shape":%s,"data_offsets":[%s,%s]}' % (kind, shape, begin, end))
    check('the description put together again', run(printer, data=described())[0] == 0)
    wrongly, shape = 'is described wrongly', 'has an impossible shape'
    for name, data, says in (
            ('type F64', described('"F64"'), 'has type F64'), ('a number as type', described('1'), wrongly),
            ('null as shape', described(shape='null'), wrongly), ('a text as shape', described(shape='"3"'), wrongly),
            ('a size of -3', described(shape='[-3]'), shape), ('a size of 3.0', described(shape='[3.0]'), shape),
            ('a size of 2^63', described(shape='[9223372036854775808]'), 'broken header'),
            ('a size of 2^63 - 1', described(shape='[9223372036854775807]'), shape),
            ('sizes whose product overflows', described(shape='[4294967296,4294967296,3]'), shape),
            ('sizes whose product wraps to 3', described(shape='[2147483648,2147483648,4,3]'), shape),
            ('nine sizes', described(shape='[1,1,1,1,1,1,1,1,3]'), 'has 9 dimensions'),
            ('a begin of 1', described(begin='1', end='13'), ('bytes', 'expected')),
            ('a begin of -1', described(begin='-1'), ('bytes', 'expected')),
            ('an end of 8', described(end='8'), 'bytes'),
            ('an end of 2^63 - 1', described(end='9223372036854775807'), 'bytes'),
            ('an end of 12.0', described(end='12.0'), ('bytes', wrongly)),
            ('one offset', tensor('{"dtype":"F32","shape":[3],"data_offsets":[0]}'), ('bytes', wrongly)),
            ('three offsets', tensor('{"dtype":"F32","shape":[3],"data_offsets":[0,12,12]}'), wrongly),
            ('no shape', tensor('{"dtype":"F32","data_offsets":[0,12]}'), wrongly),
            ('one more entry', tensor('{"dtype":"F32","shape":[3],"data_offsets":[0,12],"x":1}'), wrongly),
            ('a list as description', tensor('[]'), ('bytes', wrongly)),
            ('null as description', tensor('null'), ('bytes', wrongly)),
            ('8 GiB of data that are not there', described(shape='[2147483648]', end='8589934592'),
             ('bytes after its header', 'ends within', 'no memory')),
            ('a line break in the name', tensor('{"dtype":"F32","shape":[3],"data_offsets":[0,12]}', 'a\\nb'), 'a?b'),
            ('no name', tensor('{"dtype":"F32","shape":[3],"data_offsets":[0,12]}', ''), 'has no name'),
            ('a zero byte in the name', tensor('{"dtype":"F32","shape":[3],"data_offsets":[0,12]}', 'a\\u0000'),
             'broken header'),
            ('a list as header', with_header('[]  '), 'is not a safetensors file'),
            ('a header that is not JSON', with_header('{"a":'), 'broken header'),
            ('a header with text behind', with_header('{} x'), 'broken header'),
            ('a header that is not UTF-8', with_header(b'{"\xff":1}'), 'broken header'),
            ('a header with a zero byte', with_header(b'{}\0'), 'broken header'),
            ('lists in lists, 100000 deep', with_header('{"a":' + '[' * 100000 + ']' * 100000 + '}'), 'broken header'),
            ('metadata that are a text', with_header('{"__metadata__":"x"}'), 'are not an object'),
            ('a number in the metadata', with_header('{"__metadata__":{"x":1}}'), "the metadata 'x' is not a text"),
            ('metadata twice', with_header('{"__metadata__":{},"__metadata__":{}}'), 'broken header'),
            ('a metadata name twice', with_header('{"__metadata__":{"x":"1","x":"2"}}'), 'broken header')):
        refused(f'safetensors with {name}', data, says)
    def two(first, second):
        entry = '"%s":{"dtype":"F32","shape":[%d],"data_offsets":[%d,%d]}'
        text = ','.join(entry % (name, (end - begin) // 4, begin, end) for name, begin, end in (first, second))
        return with_header('{' + text + '}', bytes(16))
    check('two tensors put together again', run(printer, data=two(('a', 0, 8), ('b', 8, 16)))[0] == 0)
    refused('a tensor twice', two(('a', 0, 8), ('a', 8, 16)), 'broken header')
    refused('tensors that overlap', two(('a', 0, 12), ('b', 8, 16)), "the tensor 'b' has bytes 8 to 16, expected 12")
    refused('the same bytes twice', two(('a', 0, 16), ('b', 0, 16)), "the tensor 'b' has bytes 0 to 16, expected 16")
    refused('a hole', two(('a', 0, 4), ('b', 8, 16)), "the tensor 'b' has bytes 8 to 16, expected 4")
    many = ','.join('"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % i for i in range(200000))
    refused('200000 tensors', with_header('{' + many + '}'), 'expected at most')
    many = ','.join('"%d":""' % i for i in range(200000))
    refused('200000 metadata', with_header('{"__metadata__":{' + many + '}}'), 'expected at most')


def test_options():
    for arguments in (['--value'], ['--tensor'], ['--metadata', '--values'], ['a', 'b'], ['--values=yes']):
        expect(f'tensor-print {" ".join(arguments)}', [printer, *arguments], 2, '--help')
    expect('a file that is not there', [printer, 'none'], 1, "cannot open 'none'")
    expect('a directory', [printer, '.'], 1, 'Is a directory')


with tempfile.TemporaryDirectory(prefix='bitfast-test-') as directory:
    os.chdir(directory)
    test_printing()
    test_comparing()
    test_bad_clips()
    test_bad_safetensors()
    test_options()
    os.chdir('/')
finish()
