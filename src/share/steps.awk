# Reads paths of made files, a line each, and prints how these and all that they were made from were made, each once and
# after what it was made from: path, sha256, bytes, number. The recipe (the record without its first line) is left in the
# file `recipes`/number. What has no record (tools, sound files) was not made by a step.
function fail(text) {
    print "make: " text >"/dev/stderr"
    failed = 1
    exit 1
}

function visit(path,    record, line, word, n, i, lines, recipe, sha256, bytes) {
    if (failed || path in seen) return
    seen[path]
    record = path
    sub(/[^\/]*$/, ".made/&", record)
    if ((getline line <record) <= 0) {
        if (strict && path ~ /^(results|data\/prepared)\//)
            fail(path ": found no record of how it was made; make makes it again")
        return
    }
    n = split(line, word, " ")
    if (word[1] != "output" || length(word[2]) != 64 || word[2] ~ /[^0-9a-f]/ || word[3] !~ /^[0-9]+$/)
        fail(record ": found '" substr(line, 1, 80) "', expected 'output', a sha256 and a size; remove it, and make " \
             "makes the file again")
    sha256 = word[2]
    bytes = word[3]
    for (lines = 0; (getline line <record) > 0; ) recipe[++lines] = line
    close(record)
    if (lines < 1 || recipe[1] !~ /^command /)
        fail(record ": found no command, expected one in its second line; remove it, and make makes the file again")
    for (i = 2; i <= lines && !failed; i++)
        if (recipe[i] ~ /^input /) visit(substr(recipe[i], 72))
    if (failed || path ~ /^data\/[^\/]*\.origin\.txt$/) return
    number++
    for (i = 1; i <= lines; i++) print recipe[i] >(recipes "/" number)
    close(recipes "/" number)
    print path, sha256, bytes, number
}

{ visit($0) }
END { exit failed }
