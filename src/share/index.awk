# Reads indexes (steps.tsv: path, sha256, bytes, recipe; the last line is "end" and the number of those between) and prints
# their lines, each once; what is not a whole index is a mistake, told in one line. `only`: a regular expression of the paths
# that are printed.
function fail(text) {
    if (failed) exit 1
    print FILENAME ":" FNR ": found '" substr($0, 1, 80) "', expected " text >"/dev/stderr"
    failed = 1
    exit 1
}
function is_sha256(text) {
    return length(text) == 64 && text !~ /[^0-9a-f]/
}
BEGIN { FS = "\t" }
FNR == 1 && NR > 1 && !ended { fail("the whole of the index before it") }
FNR == 1 { ended = 0 }
FNR == 1 && $0 != "path\tsha256\tbytes\trecipe" { fail("the columns of an index") }
FNR == 1 { next }
ended { fail("nothing after its end") }
$1 == "end" && NF == 2 && $2 == FNR - 2 { ended = 1; next }
NF != 4 || !is_sha256($2) || !is_sha256($4) || $3 !~ /^[0-9]+$/ { fail("path, sha256, bytes and recipe") }
("/" $1 "/") ~ /\/\.|\/\// || $1 !~ /^(data\/prepared|results)\/[A-Za-z0-9.,+_\/-]+$/ {
    fail("a path in results/ or data/prepared/")
}
$1 ~ only && !(($1, $2, $4) in seen) {
    seen[$1, $2, $4]
    print
}
END {
    if (!ended) fail("the end of the index")
    exit failed
}
