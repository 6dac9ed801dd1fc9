#!/bin/bash
# score: hand-computed figures, bad predictions, bad options.
. "$(dirname "$0")/lib.sh"

# Four clips of two classes. Truth a: 0.5 (a tie: the first class wins, right), 0.25 (wrong); truth b: 0.75 (right),
# 1 (right). Loss: -(ln 0.5 + ln 0.25 + ln 0.75 + ln 1) / 4 = ln(32 / 3) / 4 = 0.59178090...
four_clips() {
    printf 'key\ttruth\ta\tb\n1.wav\ta\t0.5\t0.5\n2.wav\ta\t0.25\t0.75\n3.wav\tb\t0.25\t0.75\n4.wav\tb\t0\t1\n'
}

known_scores() {
    four_clips | score >out
    printf '{\n    "test_acc": 0.75,\n    "test_loss": 0.591780904,\n    "correct": 3,\n    "total": 4\n}\n' >expected
    diff expected out
    four_clips | score --prefix=val | grep -F '"val_acc": 0.75,'
}

# Class a: one of two found, nothing else called a: recall 1/2, precision 1, f1 2/3. Class b: 1, 2/3, 4/5. Pairs for a:
# 0.5 beats 0.25 and 0; 0.25 ties with 0.25 and beats 0: 3.5 of 4. For b the same pairs the other way round.
known_classes() {
    four_clips | score --table=classes >out
    printf 'class\tclips\trecall\tprecision\tf1\tauc\n' >expected
    printf 'a\t2\t0.5\t1\t0.666666667\t0.875\nb\t2\t1\t0.666666667\t0.8\t0.875\n' >>expected
    diff expected out
    four_clips | score --table=confusion >out
    printf 'truth\ta\tb\na\t1\t1\nb\t0\t2\n' >expected
    diff expected out
}

known_roc() {
    four_clips | score --table=roc | grep -P '^(class|a)\t' >out
    printf 'class\tthreshold\tfalse_positive_rate\ttrue_positive_rate\n' >expected
    printf 'a\tinf\t0\t0\na\t0.5\t0\t0.5\na\t0.25\t0.5\t1\na\t0\t1\t1\n' >>expected
    diff expected out
}

empty_denominators() {
    printf 'key\ttruth\ta\tb\tc\nx\ta\t0.6\t0.4\t0\ny\tb\t0.6\t0.4\t0\n' | score --table=classes >out
    grep -P '^b\t1\t0\tnan\t0\t' out
    grep -P '^c\t0\tnan\tnan\tnan\tnan$' out
    printf 'key\ttruth\ta\nx\ta\t1\n' | score --table=classes | grep -P '^a\t1\t1\t1\t1\tnan$'
}

line_ends() {
    four_clips >unix
    sed 's/$/\r/' unix | score >with_cr
    head -c -1 unix | score >without_end
    score <unix >expected
    cmp expected with_cr
    cmp expected without_end
}

# refused ROWS TEXT: score must refuse the header and ROWS, with TEXT in the message.
refused() {
    printf "key\ttruth\ta\tb\n$1" >in
    must_fail 1 score <in
    [ ! -s out ]
    says "$2"
    says "standard input: "
}

bad_rows() {
    refused '' 'holds no clip'
    refused 'x\ta\t0.5\n' 'line 2: has 3 fields, expected 4'
    refused 'x\ta\t0.5\t0.5\t0\n' 'line 2: has 5 fields, expected 4'
    refused 'x\ta\t0.5\t0.5\n\n' 'line 3: is empty'
    refused 'x\ta\t0.5\t0.5\ny\tc\t0.5\t0.5\n' "line 3, column 'truth': 'c' is not the name of a class"
    refused 'x\t?\t0.5\t0.5\n' "line 2, column 'truth': the truth is not known"
    refused 'x\ta\t0.5\t0.5\ny\ta\t0.5\t0.5\nx\ta\t0.5\t0.5\n' "line 4, column 'key': 'x' is there twice"
    refused '\ta\t0.5\t0.5\n' "line 2, column 'key': is empty"
    refused 'x\ta\t0\t1\n' "key 'x': the truth 'a' has probability 0"
    refused 'x\ta\t0.5\t0.500002\n' "key 'x': the probabilities add up to 1.000002"
    refused 'x\ta\t-0.5\t1.5\n' "line 2, column 'a': -0.5 is out of range"
    for bad in nan inf -inf 1e400 0x1p-1 '' ' 0.5' '0.5 ' 0.5x 1,0; do
        refused "x\ta\t$bad\t0.5\n" "line 2, column 'a': "
    done
    refused 'x\0y\ta\t0.5\t0.5\n' 'line 2: holds the control character 0x00'
    refused 'x\ry\ta\t0.5\t0.5\n' 'line 2: holds the control character 0x0d'
    refused 'x\033[2J\ta\t0.5\t0.5\n' 'line 2: holds the control character 0x1b'
}

# bad_header TEXT MESSAGE
bad_header() {
    printf "$1" >in
    must_fail 1 score <in
    says "$2"
}

bad_headers() {
    bad_header '' 'is empty'
    bad_header '\n' 'line 1: is empty'
    bad_header 'key\ttruth\ta\ta\nx\ta\t0.5\t0.5\n' "the column 'a' is there twice"
    bad_header 'key\ttruth\ta\t\nx\ta\t0.5\t0.5\n' 'column 4 has no name'
    bad_header 'key\ttruth\nx\ta\n' 'expected one a class'
    bad_header 'key\n' "column 2 is not 'truth'"
    bad_header 'truth\tkey\ta\nx\ta\t1\n' "column 1 is not 'key'"
    bad_header '\xef\xbb\xbfkey\ttruth\ta\nx\ta\t1\n' "column 1 is not 'key'"
    head -c 100000 /dev/urandom >in
    must_fail 1 score <in
    must_fail 1 score <.
    says 'Is a directory'
}

bad_options() {
    must_fail 2 score --tabel=roc </dev/null
    says "the nearest is '--table'"
    must_fail 2 score --table=all </dev/null
    must_fail 2 score --prefix= </dev/null
    must_fail 2 score predictions.tsv </dev/null
}

full_disk() {
    local table
    four_clips >in
    for table in scores classes confusion roc; do
        must_fail 1 sh -c "score --table=$table <in >/dev/full"
        says 'No space left on device'
    done
}

check 'accuracy, loss and counts by hand' known_scores
check 'per-class figures and confusion matrix by hand' known_classes
check 'ROC points by hand' known_roc
check 'an empty denominator gives nan' empty_denominators
check 'CR LF and a missing last line end are read' line_ends
check 'bad rows are refused, named' bad_rows
check 'bad headers are refused' bad_headers
check 'bad options' bad_options
check 'a full disk is noticed' full_disk
done_testing
