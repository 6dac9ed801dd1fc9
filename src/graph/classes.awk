# From the list of clips (key, path, fold, label, class, sha256) the table of its classes: label, class.
BEGIN { FS = OFS = "\t" }
FNR > 1 {
    name[$4] = $5
    if ($4 > last) last = $4
}
END {
    print "label", "class"
    for (label = 0; label <= last; label++) if (label in name) print label, name[label]
}
