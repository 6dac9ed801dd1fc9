#!/bin/bash
# decode-audio: known samples in every format, every file that it must refuse, the same bytes whatever the surroundings.
. "$(dirname "$0")/lib.sh"

python=/usr/bin/python3

# write FILE FORMAT SUBTYPE RATE EXPRESSION: a sound; the expression's n is numpy.arange(8000).
write() {
    $python - "$@" <<'PYTHON'
import sys
import numpy
import soundfile
path, form, subtype, rate, expression = sys.argv[1:]
x = eval(expression, {"numpy": numpy, "n": numpy.arange(8000), "noise": numpy.random.default_rng(1).standard_normal})
soundfile.write(path, x, int(rate), format=form, subtype=subtype)
PYTHON
}

tone='0.5 * numpy.sin(n * 0.3)'

# manifest FILE...: of clips named as the files are.
manifest() {
    printf 'key\tpath\tfold\tlabel\n'
    printf '%s\n' "$@" | awk '{ print $0 "\t" $0 "\t1\t0" }'
}

decode() {
    local files=()
    while [ $# -gt 0 ] && [[ $1 != --* ]]; do files+=("$1"); shift; done
    manifest "${files[@]}" | decode-audio --sample-rate=8000 --clip-seconds=1 "$@"
}

refuse() {
    manifest "$@" >manifest
    must_fail 1 decode-audio <manifest
    # The header may be written before a file is found to be bad, a clip of it must not be.
    [ "$(stat -c %s out)" -le 256 ]
}

# holds FILE EXPRESSION [TOLERANCE]: x of the one clip of FILE, 1 s at 8000 Hz, equals the expression.
holds() {
    $python - "$@" <<'PYTHON'
import sys
import numpy
import soundfile
x = numpy.load(sys.argv[1], mmap_mode="r")["x"]
assert x.shape == (1, 1, 8000), x.shape
expected = eval(sys.argv[2], {"numpy": numpy, "n": numpy.arange(8000), "soundfile": soundfile})
tolerance = float(sys.argv[3]) if len(sys.argv) > 3 else 0
assert (abs(x[0, 0] - numpy.asarray(expected, "f8").astype("f4")) <= tolerance).all(), abs(x[0, 0] - expected).max()
PYTHON
}

known_samples() {
    write a.wav WAV PCM_16 8000 '(n % 65536 - 4000).astype("i2")'
    decode a.wav >a.npy
    holds a.npy '(n - 4000) / 32768'
    write b.wav WAV PCM_16 8000 'numpy.stack([n, 2 * n, -n - 1], 1).astype("i2")'
    decode b.wav >b.npy
    holds b.npy '(n / 32768 + 2 * n / 32768 + (-n - 1) / 32768) / 3'
    write long.wav WAV FLOAT 8000 'numpy.r_[n, n] / 1e4'
    decode long.wav >long.npy
    holds long.npy '(n / 1e4).astype("f4")'
    write short.wav WAV FLOAT 8000 'n[1:101] * 3.0'
    decode short.wav >short.npy
    holds short.npy 'numpy.where(n < 100, 3.0 * (n + 1), 0)'
}

formats() {
    local row
    local whole='(16000 * numpy.sin(n * 0.3)).astype("i2")'
    write a.wav WAV PCM_16 8000 "$whole"
    decode a.wav | tail -c 32000 >expected
    for row in 'flac FLAC' 'aiff AIFF' 'au AU' 'w64 W64' 'caf CAF' 'rf64 RF64' 'x.wav WAVEX'; do
        write "a.${row% *}" "${row#* }" PCM_16 8000 "$whole"
        decode "a.${row% *}" | tail -c 32000 | cmp - expected
    done
    # soundfile seeks before it reads, after which an MP3's samples differ in their last bit.
    for row in 'ogg OGG VORBIS 0' 'opus OGG OPUS 0' 'mp3 MP3 MPEG_LAYER_III 2e-7'; do
        set -- $row
        write "a.$1" "$2" "$3" 8000 "$tone"
        decode "a.$1" >out.npy
        holds out.npy "numpy.r_[soundfile.read('a.$1', dtype='float32')[0], numpy.zeros(8000)][:8000]" "$4"
    done
}

lengths() {
    write a.wav WAV PCM_16 44100 "$tone"
    manifest a.wav >manifest
    local row
    for row in '8000 5 40000' '8000 0.05 400' '11025 0.3333 3675' '44100 1 44100' '192000 0.1 19200'; do
        set -- $row
        decode-audio --sample-rate="$1" --clip-seconds="$2" <manifest >out.npy
        $python -c "import numpy; a = numpy.load('out.npy', mmap_mode='r'); assert a['x'].shape == (1, 1, $3), a.shape"
    done
}

order_and_heads() {
    write a.wav WAV PCM_16 8000 "$tone"
    write b.flac FLAC PCM_16 44100 "$tone"
    mkdir 'a folder'
    mv b.flac 'a folder/b.flac'
    printf 'label\textra\tpath\tfold\tkey\n7\t-\ta folder/b.flac\t3\tz\n-1\t-\ta.wav\t2\ty\n' |
        decode-audio >out.npy
    $python -c "
import numpy
a = numpy.load('out.npy', mmap_mode='r')
assert list(a['key']) == [b'z', b'y'] and list(a['fold']) == [3, 2] and list(a['label']) == [7, -1], a"
}

bad_files() {
    refuse missing.wav; says './missing.wav: cannot open: No such file'
    : >empty.wav
    refuse empty.wav; says './empty.wav: is empty'
    head -c 5000 /dev/urandom >garbage.wav
    refuse garbage.wav; says './garbage.wav: is not a sound file'
    echo text >text.ogg
    refuse text.ogg; says 'is not a sound file'
    write none.wav WAV PCM_16 8000 'n[:0] / 1.0'
    refuse none.wav; says 'none.wav: holds no samples'
    mkdir directory.wav
    refuse directory.wav; says 'is a directory'
    mkfifo pipe.wav
    refuse pipe.wav; says 'expected a regular file'
    write good.wav WAV PCM_16 8000 "$tone"
    ln -s good.wav link.wav
    refuse link.wav; says 'is a symbolic link'
    manifest good.wav missing.wav empty.wav >manifest
    status=0
    decode-audio --clip-seconds=60 --threads=1 <manifest >out 2>err || status=$?
    [ "$status" -eq 1 ] && says './missing.wav'
}

not_finite() {
    write nan.wav WAV FLOAT 8000 'numpy.where(n == 77, numpy.nan, 0.1)'
    refuse nan.wav; says './nan.wav: sample 77 is not finite'
    write inf.wav WAV FLOAT 44100 'numpy.where(n[:, None] == [7000, -1], -numpy.inf, 0.1)'
    refuse inf.wav; says './inf.wav: sample 7000 is not finite'
    write huge.wav WAV FLOAT 44100 'numpy.where(n % 40 < 20, 3.4e38, -3.4e38)'
    refuse huge.wav; says 'too large'
    write late.wav WAV FLOAT 8000 'numpy.r_[numpy.zeros(80000), numpy.nan]'
    refuse late.wav; says 'sample 80000'
}

# Every format cut at many places: refused, whatever libsndfile says of it.
truncated() {
    local row part bytes
    for row in 'wav WAV PCM_16' 'f.wav WAV FLOAT' 'x.wav WAVEX PCM_24' 'rf64 RF64 PCM_16' \
        'w64 W64 PCM_16' 'aiff AIFF PCM_16' 'au AU PCM_16' 'caf CAF PCM_16' \
        'flac FLAC PCM_16' 'ogg OGG VORBIS' 'opus OGG OPUS'; do
        set -- $row
        write "whole.$1" "$2" "$3" 48000 "$tone + 0.01 * noise(8000)"
        bytes=$(stat -c %s "whole.$1")
        manifest "whole.$1" | decode-audio >out
        for part in 1 30 50 $((bytes / 3)) $((bytes / 2)) $((bytes - 700)) $((bytes - 2)); do
            head -c "$part" "whole.$1" >"cut.$1"
            refuse "cut.$1"; says "./cut.$1: "
        done
    done
}

damaged() {
    local row
    for row in 'flac FLAC PCM_16' 'ogg OGG VORBIS'; do
        set -- $row
        write "bad.$1" "$2" "$3" 44100 'noise(88200) / 10'
        manifest "bad.$1" | decode-audio >out
        printf 'damage' | dd of="bad.$1" bs=1 seek=$(($(stat -c %s "bad.$1") / 2)) conv=notrunc status=none
        refuse "bad.$1"; says 'damaged'
    done
    write cut.mp3 MP3 MPEG_LAYER_III 44100 'noise(88200) / 10'
    truncate -s -4000 cut.mp3
    # libmpg123 adds a line of its own, so must_fail cannot be used.
    manifest cut.mp3 >manifest
    status=0
    decode-audio <manifest >out 2>err || status=$?
    [ "$status" -eq 1 ]
    says './cut.mp3: is truncated'
}

bad_manifest() {
    write a.wav WAV PCM_16 8000 "$tone"
    local head=$'key\tpath\tfold\tlabel\n'
    refuse_text() { printf "$1" >manifest; must_fail 1 decode-audio <manifest; says 'standard input'; }
    refuse_text ''; says 'is empty'
    refuse_text "$head"; says 'lists no clips'
    refuse_text "$head\n"; says 'line 2: has 1 fields'
    refuse_text 'a\ta.wav\t1\t0\n'; says "lacks the column 'key'"
    refuse_text 'key\tpath\tlabel\n'; says "lacks the column 'fold'"
    refuse_text 'key\tkey\tpath\tfold\tlabel\n'; says "the column 'key' is there twice"
    refuse_text "${head}a\ta.wav\t1\n"; says 'line 2: has 3 fields, expected 4'
    refuse_text "${head}a\ta.wav\t1\t0\t\n"; says 'line 2: has 5 fields'
    refuse_text "${head}a\ta.wav\t1\t0"; says 'line 2: ends within this line'
    refuse_text "${head}a\ta.wav\t0\t0\n"; says 'line 2: fold: 0 is out of range'
    refuse_text "${head}a\ta.wav\tx\t0\n"; says "line 2: fold: 'x'"
    refuse_text "${head}a\ta.wav\t1\t-2\n"; says 'line 2: label: -2'
    refuse_text "${head}\ta.wav\t1\t0\n"; says 'line 2: the key is empty'
    refuse_text "${head}a\t\t1\t0\n"; says 'line 2: the path is empty'
    refuse_text "${head}a\t/etc/passwd\t1\t0\n"; says "'/etc/passwd' is absolute"
    refuse_text "${head}a\t../a.wav\t1\t0\n"; says "line 2: the path '../a.wav'"
    refuse_text "${head}a\tx/../../a.wav\t1\t0\n"; says 'line 2'
    refuse_text "${head}a\ta.wav\t1\t0\r\n"; says 'line 2: label'
    refuse_text "${head}a\ta.wav\t1\t0\na\ta.wav\t1\t0\n"; says "line 3: the key 'a' is there already, in line 2"
    refuse_text "${head}$(printf 'k%.0s' {1..120})\ta.wav\t1\t0\n"; says 'line 2: the key'
    refuse_text "key\tpath\tfold\tlabel\tsha256\na\ta.wav\t1\t0\tabc\n"; says "line 2: sha256: 'abc'"
    refuse_text "a\\0b\n"; says 'zero byte'
    head -c 4000 /dev/urandom >manifest
    must_fail 1 decode-audio <manifest
}

# A link within the data set must not lead out of it.
leaving_root() {
    mkdir -p set secret
    write secret/a.wav WAV PCM_16 8000 "$tone"
    ln -s ../secret set/audio
    manifest audio/a.wav >manifest
    must_fail 1 decode-audio --root=set <manifest; says 'set/audio: is a symbolic link'
    must_fail 1 decode-audio --root=nowhere <manifest; says "'nowhere'"
}

changed() {
    mkdir -p set/a
    write set/a/x.wav WAV PCM_16 8000 "$tone"
    list-clips --sha256 set >manifest
    decode-audio --root=set <manifest >expected
    list-clips set | decode-audio --root=set | cmp - expected
    write set/a/x.wav WAV PCM_16 8000 "-$tone"
    must_fail 1 decode-audio --root=set <manifest
    says 'set/a/x.wav: has changed since it was listed'
}

some_sounds() {
    write 0.wav WAV PCM_16 44100 "$tone"
    write 1.ogg OGG VORBIS 44100 'noise((30000, 2)) / 10'
    write 2.flac FLAC PCM_24 22050 "$tone"
    write 3.wav WAV FLOAT 96000 'noise(50000)'
    write 4.ogg OGG VORBIS 48000 "$tone"
    write 5.wav WAV PCM_16 8000 "$tone"
    write 6.mp3 MP3 MPEG_LAYER_III 44100 'noise(30000) / 10'
    write 7.opus OGG OPUS 48000 'noise(30000) / 10'
    local i
    for i in {8..19}; do cp "$((i % 8))".* "copy$i.wav"; done
    manifest [0-7].* copy*.wav >manifest
    decode-audio <manifest >expected
}

same_bytes() {
    some_sounds
    local threads
    for threads in 0 1 2 3 8; do
        decode-audio --threads=$threads <manifest | cmp - expected
    done
    LC_ALL=de_DE.UTF-8 TZ=Asia/Tokyo decode-audio <manifest | cmp - expected
    SOXR_USE_SIMD=1 SOXR_USE_SIMD32=1 SOXR_USE_SIMD64=1 SOXR_MIN_DFT_SIZE=15 SOXR_LARGE_DFT_SIZE=8 SOXR_COEFS_SIZE=1 \
        SOXR_NUM_THREADS=2 SOXR_COEF_INTERP=3 SOXR_STRICT_BUF=1 SOXR_NOSMALLINTOPT=1 SOXR_TRACE=9 OMP_NUM_THREADS=3 \
        decode-audio <manifest 2>err | cmp - expected
    [ ! -s err ]
    SOXR_USE_SIMD=0 decode-audio <manifest | cmp - expected
}

processors() {
    some_sounds
    local model
    for model in qemu64 Nehalem Haswell max; do
        # qemu warns of features that it does not have.
        qemu-x86_64 -cpu $model "$top/bin/decode-audio" --threads=1 <manifest 2>err | cmp - expected
    done
}

full_disk() {
    write a.wav WAV PCM_16 8000 "$tone"
    manifest a.wav >manifest
    must_fail 1 bash -c 'decode-audio <manifest >/dev/full'; says 'write'
}

options() {
    must_fail 2 decode-audio operand </dev/null
    must_fail 2 decode-audio --sample-rate=0 </dev/null
    must_fail 2 decode-audio --sample-rate=8000.5 </dev/null
    must_fail 2 decode-audio --clip-seconds=nan </dev/null
    must_fail 2 decode-audio --clip-seconds=0 </dev/null
    must_fail 2 decode-audio --rot=x </dev/null; says "the nearest is '--root'"
    decode-audio --help | grep -q 'usage: decode-audio'
}

check 'known samples: scale, mean of channels, cut, filled' known_samples
check 'every format' formats
check 'length by rate and seconds' lengths
check 'order, keys, folds and labels' order_and_heads
check 'bad files' bad_files
check 'samples that are not finite' not_finite
check 'truncated files' truncated
check 'damaged files' damaged
check 'bad manifests' bad_manifest
check 'leaving the data set' leaving_root
check 'a file that changed' changed
check 'threads, locale, time zone and SOXR variables change no byte' same_bytes
check 'the processor changes no byte' processors
check 'full disk' full_disk
check 'options' options
done_testing
