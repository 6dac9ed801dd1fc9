# The clips of one fold, with the header line; a fold without clips is refused.
BEGIN { FS = "\t" }
FNR > 1 && !($3 in seen) {
    seen[$3]
    folds = folds " " $3
}
FNR == 1 || $3 == fold {
    print
    lines++
}
END {
    if (lines < 2) {
        print "make: " FILENAME ": found no clip of fold " fold ", expected one of" folds >"/dev/stderr"
        exit 1
    }
}
