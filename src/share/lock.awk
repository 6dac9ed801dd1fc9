# Reads a lock and prints it as it is; a mistake in it is one line on standard error.
#
#   bitfast-lock 1
#   file PATH SHA256
#   parameter TRAINING/RUN NAME VALUE
#
# Sorted, each line a fact by itself: git may merge two locks line by line (.gitattributes).
function fail(text) {
    print "make: " FILENAME ":" FNR ": " text >"/dev/stderr"
    failed = 1
    exit 1
}
function safe(path) {
    return path ~ /^[^ \/]/ && ("/" path "/") !~ /\/\.\.?\//
}
NR == 1 && $0 != "bitfast-lock 1" { fail("found '" substr($0, 1, 60) "', expected 'bitfast-lock 1'") }
NR == 1 { print; next }
$1 == "file" && NF == 3 && safe($2) && length($3) == 64 && $3 !~ /[^0-9a-f]/ {
    fact = $1 " " $2
    value = $3
}
$1 == "parameter" && NF >= 4 && safe($2) && $2 ~ /^[^\/]+\/[^\/]+$/ && $3 ~ /^[A-Z_]+$/ {
    fact = $1 " " $2 " " $3
    value = substr($0, length(fact) + 2)
}
fact == "" {
    fail("found '" substr($0, 1, 60) "', expected 'file PATH SHA256' or 'parameter RUN NAME VALUE'" \
         ($0 ~ /^(<<<<<<<|=======|>>>>>>>)/ ? "; a merge left its marks" : ""))
}
fact in values && values[fact] != value {
    fail(fact ": found '" value "', but '" values[fact] "' in another line; make lock writes what is right here")
}
{
    values[fact] = value
    fact = ""
    print
}
END {
    if (!failed && NR == 0) fail("found nothing, expected 'bitfast-lock 1'")
    exit failed
}
