# The help text, from the lines `target: ## text` of the Makefile and from params.mk.
BEGIN {
    print "bitfast: from raw sound to a trained audio classifier and its figures, the same bytes on every machine\n"
    print "Targets"
}
FILENAME == ARGV[1] && /^[a-z0-9_.-]+:.* ## / {
    printf "  %-15s %s\n", substr($1, 1, index($1, ":") - 1), substr($0, index($0, "## ") + 3)
}
FILENAME == ARGV[2] && FNR == 1 {
    print "\nParameters, with defaults; each may be a list, and every combination is an experiment"
}
FILENAME == ARGV[2] && /^[A-Z_]+ *\?=/ {
    comment = substr($0, index($0, "#") + 2)
    value = substr($0, index($0, "=") + 2)
    sub(/ *#.*/, "", value)
    split(comment, part, " *[|] ")
    range = part[1]
    sub(/^(integer|real|choice) /, "", range)
    sub(/^val_loss .*/, "a metric", range)
    sub(/^folds .*/, "sets of folds", range)
    printf "  %-13s  %-8s %-15s %s\n", $1, value, range == "name" ? "" : range, part[2]
}
END {
    print "\nExamples"
    print "  make local_train                              the whole pipeline on the demo, in about a minute"
    print "  make local_train FILTERS=8 EPOCHS=10          other parameters; what is made already is not made again"
    print "  make sweep EPOCHS=\"3 4\" FILTERS=\"8 16 32\"     six experiments, a table and a figure"
    print "  make -j2 sweep FOLDS_TRAIN=\"1 2 3; 2 3\"       folds are sets: ';' separates them"
    print "  make local_train DATASET=esc10                real recordings, fetched"
    print "  make local_train DATASET=mine MINE_DIR=/path/to/it   your own: ESC-50's layout, or a folder a class"
    print "  make local_train PARAMS=my.mk                 parameters from a file of lines NAME = value"
}
