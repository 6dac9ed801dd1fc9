#!/bin/bash
# log-mel: known answers by hand, bad streams, the same bytes whatever the surroundings. Agreement with torchaudio is in
# tests/features.py.
. "$(dirname "$0")/lib.sh"

python=/usr/bin/python3

# waveforms SAMPLES EXPRESSION...: a stream of clips, one an expression in n.
waveforms() {
    $python - "$@" <<'PYTHON'
import io
import sys
import numpy
samples = int(sys.argv[1])
clips = numpy.zeros(len(sys.argv) - 2, [("key", "S120"), ("fold", "<i4"), ("label", "<i4"), ("x", "<f4", (1, samples))])
names = {"numpy": numpy, "n": numpy.arange(samples), "noise": numpy.random.default_rng(1).standard_normal(samples)}
for i, expression in enumerate(sys.argv[2:]):
    clips[i] = (b"clip %d" % i, 1 + i % 5, i % 10, numpy.zeros((1, samples)))
    clips["x"][i, 0] = eval(expression, names)
buffer = io.BytesIO()  # numpy.save needs a file that knows its position; a pipe does not
numpy.save(buffer, clips)
sys.stdout.buffer.write(buffer.getvalue())
PYTHON
}

# holds EXPRESSION: of a, the array in out.npy.
holds() {
    $python -c "
import numpy
a = numpy.load('out.npy', mmap_mode='r')
x = a['x'].astype('f8')
assert $1, (a.dtype, a.shape, x.min(), x.max())"
}

silence() {
    waveforms 40000 '0 * n' | log-mel >out.npy
    holds 'a.shape == (1,) and x.shape == (1, 1, 128, 201) and (x == -100).all()'
}

# A cosine of amplitude 1 at bin 100 of 400 points (2000 Hz), by hand: under a periodic Hann window the DFT has N/4 =
# 100 at its bin and N/8 = 50 beside it, also where the clip is mirrored at its start, since cosine is even. With one
# band its triangle peaks at the mel centre of 0 and 4000 Hz, c = 700 (sqrt(1 + 4000/700) - 1) = 1113.82 Hz; the bins
# 1980, 2000 and 2020 Hz have the heights (4000 - f) / (4000 - c) = 0.69991, 0.69298, 0.68605. So the power is
# 2500 (0.69991 + 0.68605) + 10000 * 0.69298 = 10394.7, which is 40.168 dB.
known_tone() {
    waveforms 40000 'numpy.cos(numpy.pi * n / 2)' | log-mel --n-mels=1 >out.npy
    holds 'x.shape == (1, 1, 1, 201) and (abs(x[..., :200] - 40.168) < 0.003).all()'
}

# Half the amplitude is 6.0206 dB less everywhere; a quiet part is cut off top_db under the maximum.
levels() {
    waveforms 8000 'noise' 'noise / 2' 'numpy.where(n < 4000, noise, 0)' >in.npy
    log-mel --top-db=60 <in.npy >out.npy
    holds '(abs(x[0] - x[1] - 6.0206) <= 1 / 256 + 1e-4).mean() > 0.999'
    holds 'all(clip.min() >= clip.max() - 60 for clip in x) and x[2].min() == x[2].max() - 60'
    holds '(x * 256 == numpy.round(x * 256)).all()'
}

heads() {
    waveforms 4000 n/4e4 noise noise/2 >in.npy
    log-mel <in.npy >out.npy
    holds "list(a['key']) == [b'clip 0', b'clip 1', b'clip 2']"
    holds "list(a['fold']) == [1, 2, 3] and list(a['label']) == [0, 1, 2]"
    head -c "$(($(stat -c %s in.npy) - 3 * (128 + 16000)))" in.npy | sed 's/(3,)/(0,)/' >none.npy
    log-mel <none.npy >out.npy
    holds 'len(a) == 0'
}

# torch.stft: 1 + (samples + 2 (N // 2) - N) // hop frames.
shapes() {
    local row
    for row in '4000 400 200 128 21' '4000 401 200 10 20' '4000 16 1 1 4001' \
        '201 400 200 128 2' '4000 4000 16384 3 1'; do
        set -- $row
        waveforms "$1" noise | log-mel --n-fft="$2" --hop-length="$3" --n-mels="$4" >out.npy
        holds "x.shape == (1, 1, $4, $5)"
    done
}

too_short() {
    waveforms 200 noise >in.npy
    must_fail 1 log-mel <in.npy; says 'clips of 200 samples are too short to be mirrored by 200'
    waveforms 5000 noise >in.npy
    must_fail 1 log-mel --n-fft=16384 <in.npy; says 'n_fft 16384'
}

bad_streams() {
    waveforms 4000 noise noise >in.npy
    must_fail 1 log-mel </dev/null; says 'standard input: is empty'
    log-mel <in.npy >spectrograms.npy
    must_fail 1 log-mel <spectrograms.npy; says 'shape 1x128x21, expected waveforms'
    local bytes
    bytes=$(stat -c %s in.npy)
    for part in 5 100 $((bytes / 3)) $((bytes - 1)); do
        head -c "$part" in.npy >cut.npy
        status=0
        log-mel <cut.npy >out 2>err || status=$?
        cat err
        [ "$status" -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] && says 'standard input'
    done
    says 'ends within clip 2 of 2'
    { cat in.npy; echo; } >longer.npy
    status=0
    log-mel <longer.npy >out 2>err || status=$?
    [ "$status" -eq 1 ] && says 'goes on after its 2 clips'
    waveforms 4000 noise 'numpy.where(n == 9, numpy.nan, 0)' >nan.npy
    status=0
    log-mel <nan.npy >out 2>err || status=$?
    [ "$status" -eq 1 ] && says "clip 'clip 1' holds nan at position 9"
    head -c 5000 /dev/urandom >garbage
    must_fail 1 log-mel <garbage; says 'is not a .npy file'
}

# Loud, quiet, and with values near the floor.
some_waveforms() {
    local expressions=() i
    for i in {1..20}; do
        expressions+=("noise * numpy.exp(-n / $((i * 500))) / $i" "numpy.sin(n * n * 1e-$((i % 5 + 5))) / 3")
    done
    waveforms 40000 "${expressions[@]}" >in.npy
    log-mel <in.npy >expected
}

same_bytes() {
    some_waveforms
    local threads
    for threads in 1 2 3 8; do
        log-mel --threads=$threads <in.npy | cmp - expected
    done
    GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable log-mel <in.npy | cmp - expected
    LC_ALL=de_DE.UTF-8 TZ=Asia/Tokyo log-mel <in.npy | cmp - expected
}

processors() {
    waveforms 8000 noise 'numpy.sin(n * n * 1e-5)' 'noise * numpy.exp(-n / 500)' >in.npy
    log-mel <in.npy >expected
    local model
    for model in Nehalem Haswell max; do
        qemu-x86_64 -cpu $model "$top/bin/log-mel" --threads=1 <in.npy 2>err | cmp - expected
    done
}

full_disk() {
    waveforms 4000 noise >in.npy
    must_fail 1 bash -c 'log-mel <in.npy >/dev/full'; says 'write'
}

options() {
    must_fail 2 log-mel operand </dev/null
    must_fail 2 log-mel --n-fft=15 </dev/null
    must_fail 2 log-mel --n-mels=0 </dev/null
    must_fail 2 log-mel --hop-length=x </dev/null
    must_fail 2 log-mel --top-db=-80 </dev/null
    must_fail 2 log-mel --nmels=4 </dev/null; says "the nearest is '--n-mels'"
    log-mel --help | grep -q 'usage: log-mel'
}

check 'silence is -100 dB' silence
check 'a tone, by hand' known_tone
check 'levels, floor and step' levels
check 'keys, folds and labels; no clips at all' heads
check 'shapes' shapes
check 'clips too short for the window' too_short
check 'bad streams' bad_streams
check 'threads, libm variants, locale change no byte' same_bytes
check 'the processor changes no byte' processors
check 'full disk' full_disk
check 'options' options
done_testing
