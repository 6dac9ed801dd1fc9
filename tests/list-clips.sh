#!/bin/bash
# list-clips: both layouts, and every data set that it must refuse.
. "$(dirname "$0")/lib.sh"

# csv_set: makes set/ in ESC-50's layout, with the CSV from standard input.
csv_set() {
    mkdir -p set/meta set/audio
    cat >set/meta/m.csv
}

sounds() {
    local name
    for name; do
        echo sound >"set/audio/$name"
    done
}

two_rows() {
    csv_set <<<$'filename,fold,target,category\na.wav,1,0,dog\nb.wav,2,1,cat'
    sounds a.wav b.wav
}

# refused ROW...: the CSV of these rows, under the usual header and over a good first row, is refused.
refused() {
    { echo filename,fold,target,category; echo a.wav,1,0,dog; printf '%s\n' "$@"; } | csv_set
    sounds a.wav b.wav c.wav
    must_fail 1 list-clips set
    says set/meta/m.csv
}

known_csv() {
    printf '%s\n' esc10,category,filename,take,target,fold True,dog,b.wav,A,0,2 True,cat,a.wav,A,1,2 \
        True,cat,c.wav,A,1,1 | csv_set
    sounds a.wav b.wav c.wav
    list-clips set >out
    printf 'key\tpath\tfold\tlabel\tclass\n' >expected
    printf 'c.wav\taudio/c.wav\t1\t1\tcat\na.wav\taudio/a.wav\t2\t1\tcat\nb.wav\taudio/b.wav\t2\t0\tdog\n' >>expected
    diff expected out
    ln -s set link
    list-clips link/ | diff out -
}

row_order() {
    two_rows
    list-clips set >first
    csv_set <<<$'filename,fold,target,category\nb.wav,2,1,cat\na.wav,1,0,dog'
    list-clips set | diff first -
}

digests() {
    two_rows
    printf abc >set/audio/a.wav
    : >set/audio/b.wav
    # FIPS 180-4's example, and that of no bytes.
    list-clips --sha256 set | cut -f6 >out
    printf '%s\n' sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad \
        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 | diff - out
    local threads
    for threads in 1 2 3 8; do
        list-clips --sha256 --threads=$threads set | cut -f6 | diff out -
    done
}

csv_forms() {
    two_rows
    list-clips set >expected
    csv_set <<<$'filename,fold,target,category\r\na.wav,1,0,dog\r\nb.wav,2,1,cat\r'
    list-clips set | diff expected -
    printf '\xef\xbb\xbffilename,fold,target,category\na.wav,1,0,dog\n\nb.wav,2,1,cat' >set/meta/m.csv
    list-clips set | diff expected -
    printf '"filename","fold",target,category\n"a.wav",1,"0",dog\nb.wav,"2",1,"cat"\n' >set/meta/m.csv
    list-clips set | diff expected -
    csv_set <<<$'filename,fold,target,category\n"x,y ""z"".wav",1,0,"dog, small"'
    sounds 'x,y "z".wav'
    list-clips set | tail -n 1 | diff - <(printf 'x,y "z".wav\taudio/x,y "z".wav\t1\t0\tdog, small\n')
}

bad_values() {
    refused b.wav,0,1,cat; says 'line 3: fold: 0'
    refused b.wav,-1,1,cat; says 'line 3: fold: -1'
    refused b.wav,one,1,cat; says "fold: 'one'"
    refused b.wav,1.0,1,cat; says "fold: '1.0'"
    refused b.wav,,1,cat; says "fold: ''"
    refused b.wav,1000,1,cat; says 'expected 1 to 999'
    refused b.wav,99999999999999999999,1,cat; says 'line 3: fold'
    refused b.wav,2,-1,cat; says 'line 3: target: -1'
    refused b.wav,2,2,cat; says 'target: 2 is out of range, expected 0 to 1'
    refused b.wav,2,1e0,cat; says "target: '1e0'"
    refused b.wav,2,2,cat c.wav,2,2,cat; says 'no row has the target 1'
    refused b.wav,2,0,cat; says "line 3: target 0 has the category 'cat', but 'dog' in line 2"
    refused b.wav,2,1,dog; says "line 3: the category 'dog' has the target 1, but 0 in line 2"
    refused b.wav,2,1,; says 'class is empty'
    refused b.wav,2,1,"\"a	b\""; says 'control character 0x09'
}

bad_names() {
    refused a.wav,2,1,cat; says "line 3: the file 'a.wav' is there already, in line 2"
    refused missing.wav,2,1,cat; says 'line 3: set/audio/missing.wav: cannot open: No such file'
    refused ../a.wav,2,1,cat; says "line 3: filename: '../a.wav'"
    refused /etc/passwd,2,1,cat; says "'/etc/passwd'"
    refused ..,2,1,cat; says "line 3: filename: '..'"
    refused sub/b.wav,2,1,cat; says "'sub/b.wav'"
    refused b.txt,2,1,cat; says "'b.txt' has the wrong extension"
    refused wav,2,1,cat; says "'wav' has the wrong extension"
    refused ,2,1,cat; says 'filename is empty'
    refused $'"b\tc.wav",2,1,cat'; says 'control character 0x09'
    refused $'"b\nc.wav",2,1,cat'; says 'line 3: filename holds the control character 0x0a'
    refused "$(printf 'n%.0s' {1..116}).wav,2,1,cat"; says 'line 3: the key'; says 'has 120 bytes'
    refused "1-17-A.wav,2,1,cat"; says "fold: is 2, but the name '1-17-A.wav' says fold 1"
}

# The longest name that fits is taken.
long_name() {
    local name
    name=$(printf 'n%.0s' {1..115}).wav
    csv_set <<<$'filename,fold,target,category\n'"$name,1,0,dog"
    sounds "$name"
    list-clips set | grep -q "^$name"
}

bad_csv() {
    refused b.wav,2,1; says 'line 3: has 3 fields, expected 4'
    refused b.wav,2,1,cat,more; says 'line 3: has 5 fields, expected 4'
    refused 'b"c.wav,2,1,cat'; says 'line 3: has a quote in the wrong place'
    refused '"b"c.wav,2,1,cat'; says 'line 3: has a quote in the wrong place'
    refused '"b.wav,2,1,cat'; says 'ends within quotes'
    printf 'filename,fold,target,category\na.wav\0,1,0,dog\n' >set/meta/m.csv
    must_fail 1 list-clips set; says 'line 2: holds a zero byte'
    : >set/meta/m.csv
    must_fail 1 list-clips set; says 'set/meta/m.csv: is empty'
    printf '\xef\xbb\xbf' >set/meta/m.csv
    must_fail 1 list-clips set; says 'is empty'
    echo filename,fold,target,category >set/meta/m.csv
    must_fail 1 list-clips set; says 'has no rows'
    local column
    for column in filename fold target category; do
        echo filename,fold,target,category | sed "s/$column/other/" >set/meta/m.csv
        must_fail 1 list-clips set; says "the column '$column' is missing"
    done
    echo filename,fold,target,fold,category >set/meta/m.csv
    must_fail 1 list-clips set; says "the column 'fold' is there twice"
    head -c 3000 /dev/urandom >set/meta/m.csv
    must_fail 1 list-clips set
}

recordings() {
    refused 1-17-A.wav,1,1,cat 2-17-B.wav,2,1,cat
    says "the recording '17' is in fold 1 ('1-17-A.wav') and in fold 2 ('2-17-B.wav')"
    csv_set <<<$'filename,fold,target,category,src_file\na.wav,1,0,dog,x\nb.wav,2,1,cat,x'
    must_fail 1 list-clips set
    says "the recording 'x' is in fold 1 ('a.wav') and in fold 2 ('b.wav')"
    csv_set <<<$'filename,fold,target,category,src_file\na.wav,1,0,dog,x\nb.wav,1,1,cat,x'
    list-clips set >out
    mkdir -p folders/cat folders/dog
    touch folders/cat/1-17-A.wav folders/dog/2-17-B.wav
    must_fail 1 list-clips folders
    says "the recording '17'"
}

bad_directories() {
    must_fail 1 list-clips missing; says "'missing'"
    touch file
    must_fail 1 list-clips file; says 'is not a directory'
    mkdir empty
    must_fail 1 list-clips empty; says 'empty: holds no data set'
    mkdir -p no-meta/audio no-csv/meta no-csv/audio
    must_fail 1 list-clips no-meta; says 'no directory meta/'
    must_fail 1 list-clips no-csv; says 'no-csv/meta: holds no CSV file'
    two_rows
    cp set/meta/m.csv set/meta/n.csv
    must_fail 1 list-clips set; says "'m.csv' and 'n.csv', expected one"
    rm -r set/meta/n.csv set/audio
    must_fail 1 list-clips set; says 'set/audio: cannot open'
}

not_regular() {
    two_rows
    mv set/audio/b.wav b.wav
    ln -s ../../b.wav set/audio/b.wav
    must_fail 1 list-clips set; says 'set/audio/b.wav: is a symbolic link, expected a regular file'
    rm set/audio/b.wav
    mkdir set/audio/b.wav
    must_fail 1 list-clips set; says 'is a directory'
    rmdir set/audio/b.wav
    mkfifo set/audio/b.wav
    must_fail 1 list-clips set; says 'is a device, pipe or socket'
    mv set/audio away
    ln -s ../away set/audio
    must_fail 1 list-clips set; says 'set/audio: is a symbolic link, expected a directory'
    mkdir -p folders/a
    touch folders/a/1.wav
    ln -s a folders/b
    must_fail 1 list-clips folders; says 'folders/b'
}

class_folders() {
    mkdir -p 'set/001 - Dog bark' 'set/002 - Rain' set/.hidden
    touch set/README.txt set/.hidden/x.wav 'set/001 - Dog bark/.x'
    touch 'set/001 - Dog bark/2-7-A.ogg' 'set/001 - Dog bark/1-100032-A.ogg' 'set/002 - Rain/1-100032-B-3.ogg'
    list-clips set >out
    local dog='001 - Dog bark' rain='002 - Rain'
    { printf 'key\tpath\tfold\tlabel\tclass\n'
      printf '%s\t%s\t1\t0\tDog bark\n' "$dog/1-100032-A.ogg" "$dog/1-100032-A.ogg"
      printf '%s\t%s\t1\t1\tRain\n' "$rain/1-100032-B-3.ogg" "$rain/1-100032-B-3.ogg"
      printf '%s\t%s\t2\t0\tDog bark\n' "$dog/2-7-A.ogg" "$dog/2-7-A.ogg"; } | diff - out
}

dealt_folds() {
    mkdir -p set/a set/b
    touch set/a/{1,2,3,4,5,6,7}.wav set/b/{x,y,z}.FLAC
    list-clips set | tail -n +2 | sort | cut -f1,3,4 >out
    printf 'a/%s.wav\t%s\t0\n' 1 1 2 2 3 3 4 4 5 5 6 1 7 2 >expected
    printf 'b/%s.FLAC\t%s\t1\n' x 1 y 2 z 3 >>expected
    diff expected out
    list-clips --folds=2 set | tail -n +2 | sort | cut -f3 | tr -d '\n' | grep -qx 1212121121
}

bad_folders() {
    mkdir -p set/a set/b
    touch set/a/1-17-A.wav set/b/dog.wav
    must_fail 1 list-clips set; says "'b/dog.wav' gives no fold, but 'a/1-17-A.wav' does"
    rm set/b/dog.wav
    must_fail 1 list-clips set; says 'set/b: is empty'
    touch set/b/notes.txt
    must_fail 1 list-clips set; says "set/b: 'notes.txt' has the wrong extension"
    rm set/b/notes.txt
    mkdir set/b/sub
    must_fail 1 list-clips set; says 'set/b/sub: is a directory'
    rmdir set/b/sub
    touch set/b/0-18-A.wav
    must_fail 1 list-clips set; says "'0-18-A.wav' says fold 0"
    mv set/b/0-18-A.wav $'set/b/1-18-A.\n.wav'
    must_fail 1 list-clips set; says 'control character'
    rm -r set/b
    local long
    long=set/$(printf 'n%.0s' {1..120})
    mkdir "$long"
    touch "$long/1-18-A.wav"
    must_fail 1 list-clips set; says 'bytes, expected 1 to 119'
    rm -r "$long"
    mkdir $'set/a\nb'
    must_fail 1 list-clips set; says 'set/a?b: is empty'
    rmdir $'set/a\nb'
    mkdir 'set/001 - x' 'set/002 - x'
    must_fail 1 list-clips set; says "'001 - x' and '002 - x' both name the class 'x'"
}

# No time is asserted, but a quadratic search would not end. Rows are in the order of their numbers, so the first
# missing file is that of line 3.
million_rows() {
    mkdir -p set/meta set/audio
    touch set/audio/1.wav
    { echo filename,fold,target,category
      seq 1000000 | awk '{ print $1 ".wav," 1 + $1 % 5 "," $1 % 1000 ",c" $1 % 1000 }'; } >set/meta/m.csv
    must_fail 1 list-clips set; says 'line 3: set/audio/2.wav: cannot open'
    echo 500000.wav,1,0,c0 >>set/meta/m.csv
    must_fail 1 list-clips set; says "line 1000002: the file '500000.wav' is there already, in line 500001"
}

surroundings() {
    two_rows
    list-clips set >expected
    LC_ALL=tr_TR.UTF-8 TZ=Asia/Tokyo list-clips set | diff expected -
    must_fail 1 bash -c 'list-clips set >/dev/full'; says 'cannot write'
}

options() {
    must_fail 2 list-clips
    must_fail 2 list-clips a b
    must_fail 2 list-clips --fold=5 set; says "the nearest is '--folds'"
    must_fail 2 list-clips --folds=0 set
    must_fail 2 list-clips --folds=x set
    must_fail 2 list-clips --threads=-1 set
    list-clips --help | grep -q 'usage: list-clips'
}

check 'known manifest of a CSV' known_csv
check 'the order of rows does not matter' row_order
check 'sha256 by any number of threads' digests
check 'quotes, CRLF, byte-order mark, no last newline' csv_forms
check 'bad folds, targets and categories' bad_values
check 'bad file names' bad_names
check 'a name of the greatest length' long_name
check 'bad CSV files' bad_csv
check 'a recording in two folds' recordings
check 'directories that are no data set' bad_directories
check 'files that are not regular' not_regular
check 'class folders with folds in their names' class_folders
check 'class folders with folds dealt' dealt_folds
check 'bad class folders' bad_folders
check 'a million rows' million_rows
check 'locale, time zone, full disk' surroundings
check 'options' options
done_testing
