# The graph as text, from make's own database (make -pq): each stage with what it is made of, then each file with its
# prerequisites. Also writes plots/dag.dot.
function stage(file) {
    if (file ~ /^plots\/.*\.(pdf|png)$/) return "plot"
    if (file ~ /^plots\//) return "choice"
    if (file ~ /fold-[0-9]+\.npy$/) return "prepare"
    if (file ~ /^data\//) return "data"
    if (file ~ /epoch-[0-9]+\.safetensors$/) return "train"
    if (file ~ /(predictions|classes|confusion|roc)\.tsv$|test_scores\.json$/) return "test"
    if (file ~ /^results\//) return "record"
    return ""
}
# A file of the graph as [N]name, N being the number of its directory; others by their name.
function short(file,    directory) {
    if (stage(file) == "") return file
    directory = file
    sub(/[^\/]*$/, "", directory)
    if (!(directory in number)) {
        number[directory] = ++directories
        legend[directories] = directory
    }
    sub(/.*\//, "", file)
    return "[" number[directory] "]" file
}
function sort_files(    i, j, file) {
    for (i = 2; i <= count; i++) {
        file = files[i]
        for (j = i - 1; j >= 1 && files[j] > file; j--) files[j + 1] = files[j]
        files[j + 1] = file
    }
}
/^# Files$/ { in_files = 1 }
!in_files { next }
/^# Not a target:/ { skip = 1; next }
/^[^#\t ][^=]*:/ && !/:=/ {
    if (skip) { skip = 0; next }
    target = $1
    sub(/:+$/, "", target)
    if (stage(target) == "" || target in done) next
    done[target]
    files[++count] = target
    members[stage(target)]++
    for (i = 2; i <= NF && $i != "|"; i++) {
        if ($i == "FORCE") continue
        of[target] = of[target] " " $i
        if (stage($i) == "") tools_of[stage(target)] = add(tools_of[stage(target)], $i)
        else if (stage($i) != stage(target)) stages_of[stage(target)] = add(stages_of[stage(target)], stage($i))
    }
}
function add(list, word) {
    return index(list " ", " " word " ") ? list : list " " word
}
END {
    sort_files()
    n = split("data prepare train test record choice plot", order, " ")
    print "By stage (files): what they are made from"
    for (i = 1; i <= n; i++)
        if (order[i] in members)
            printf "  %-8s %4d   %s\n", order[i], members[order[i]], substr(stages_of[order[i]] tools_of[order[i]], 2)
    print "\nBy file"
    dot = "plots/dag.dot"
    print "digraph pipeline {\n  rankdir=LR; node [shape=box, fontname=\"DejaVu Sans\", fontsize=9];" >dot
    for (i = 1; i <= n; i++) {
        print "  subgraph cluster_" order[i] " { label=\"" order[i] "\";" >dot
        for (j = 1; j <= count; j++) {
            if (stage(files[j]) != order[i]) continue
            text = "  " short(files[j]) ":"
            m = split(of[files[j]], from, " ")
            for (k = 1; k <= m; k++) text = text " " short(from[k])
            print text
            print "    \"" files[j] "\" [label=\"" short(files[j]) "\"];" >dot
        }
        print "  }" >dot
    }
    for (j = 1; j <= count; j++) {
        m = split(of[files[j]], from, " ")
        for (i = 1; i <= m; i++) if (stage(from[i]) != "") print "  \"" from[i] "\" -> \"" files[j] "\";" >dot
    }
    print "}" >dot
    print "\nDirectories"
    for (i = 1; i <= directories; i++) printf "  [%d] %s\n", i, legend[i]
}
