# Reads params.mk, checks every value and prints what has to be made: one word a line, of fields NAME=VALUE separated
# by ';', first all feature sets, then all trainings, then all runs, then the selection as a whole. A mistake prints one
# line that does not start with "ok" instead. Runs at each start of make, so it must be quick; any POSIX awk does.
#
# Environment: each parameter by its name; GIVEN, the names of the variables on make's command line; KNOWN, the names
# that are allowed there beside the parameters and NAME_DIR of a data set; PARAMS, the file of parameters, or nothing.

function fail(text) {
    print text
    failed = 1
    exit
}

# --- Names -------------------------------------------------------------------------------------------------------
# Levenshtein's distance between two names.
function distance(a, b,    i, j, cost, above, left, row) {
    for (j = 0; j <= length(b); j++) row[j] = j
    for (i = 1; i <= length(a); i++) {
        above = row[0]
        row[0] = i
        for (j = 1; j <= length(b); j++) {
            cost = above + (substr(a, i, 1) != substr(b, j, 1))
            above = row[j]
            left = row[j - 1]
            if (left + 1 < cost) cost = left + 1
            if (above + 1 < cost) cost = above + 1
            row[j] = cost
        }
    }
    return row[length(b)]
}

function refuse_name(name, where,    candidate, best, nearest) {
    best = 1000
    for (candidate in allowed)
        if (distance(name, candidate) < best || (distance(name, candidate) == best && candidate < nearest)) {
            best = distance(name, candidate)
            nearest = candidate
        }
    fail(where name ": no such parameter" (best <= 3 ? "; the nearest is " nearest : "") " (make help lists them)")
}

function directory_variable(dataset) {
    dataset = toupper(dataset)
    gsub(/-/, "_", dataset)
    return dataset "_DIR"
}

# --- Values: each function returns the one form of a value, or fails ------------------------------------------------
function bad_value(name, found, expected) {
    fail(name ": found '" found "', expected " expected)
}

# Large numbers are compared by their digits: as floating-point numbers neighbours would be equal.
function canonical_integer(name, text,    digits) {
    digits = text
    sub(/^0+/, "", digits)
    if (text !~ /^[0-9]+$/ || digits + 0 < minimum[name] + 0 || length(digits) > length(maximum[name]) ||
        (length(digits) == length(maximum[name]) && (digits "") > (maximum[name] "")))
        bad_value(name, text, "a whole number from " minimum[name] " to " maximum[name])
    return digits == "" ? "0" : digits
}

# The shortest decimal number that reads back as the same double.
function canonical_real(name, text,    digits, short) {
    if (text !~ /^([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$/ ||
        text + 0 < minimum[name] + 0 || text + 0 > maximum[name] + 0)
        bad_value(name, text, "a number from " minimum[name] " to " maximum[name])
    for (digits = 1; digits <= 17; digits++) {
        short = sprintf("%." digits "g", text)
        if (short + 0 == text + 0 && short !~ /e[+]/) return short
    }
}

# A set of folds as 1+2+3, in ascending order, each once.
function canonical_folds(name, text,    n, i, j, fold, folds, set) {
    n = split(text, fold, /[ \t,]+/)
    for (i = 1; i <= n; i++)
        if (fold[i] != "") folds[canonical_integer(name, fold[i]) + 0]
    for (j = 1; j <= maximum[name]; j++)
        if (j in folds) set = set "+" j
    if (set == "") bad_value(name, text, "a fold, or several such as '1 2 3'")
    return substr(set, 2)
}

function canonical_choice(name, text) {
    if (index(" " choices[name] " ", " " text " ") == 0) bad_value(name, text, "one of " choices[name])
    return text
}

function canonical_name(name, text) {
    if (text !~ /^[a-z][a-z0-9-]*$/ || length(text) > 40 || text == "prepared")
        bad_value(name, text, "a name of lower-case letters, digits and '-'")
    return text
}

function canonical(name, text) {
    if (failed) return ""
    if (type[name] == "integer") return canonical_integer(name, text)
    if (type[name] == "real") return canonical_real(name, text)
    if (type[name] == "folds") return canonical_folds(name, text)
    if (type[name] == "choice") return canonical_choice(name, text)
    return canonical_name(name, text)
}

# Fills list[name, 1..count[name]] with the parameter's values.
function read_values(name, text,    n, i, part, seen, one) {
    gsub(/^[ \t]+|[ \t]+$/, "", text)
    n = split(text, part, type[name] == "folds" ? ";" : "[ \t]+")
    if (n == 0) bad_value(name, "", "a value")
    count[name] = 0
    for (i = 1; i <= n && !failed; i++) {
        one = canonical(name, part[i])
        if (!((name, one) in seen)) list[name, ++count[name]] = one
        seen[name, one]
    }
}

# --- Names of directories: complete functions of the values ------------------------------------------------------
# A name too long for a file system keeps its start, and a digest of the whole takes the place of the rest.
function shorten(text,    command, digest) {
    if (length(text) <= 200) return text
    command = "printf %s '" text "' | sha256sum"
    command | getline digest
    close(command)
    return substr(text, 1, 130) "_" substr(digest, 1, 64)
}

function training_suffix(v) {
    return "train-" v["FOLDS_TRAIN"] "_val-" v["FOLDS_VAL"] "_filters-" v["FILTERS"] "_batch-" v["BATCH_SIZE"] \
        "_lr-" v["LEARNING_RATE"] "_seed-" v["SEED"] (v["ENGINE"] == "exact" ? "" : "_engine-" v["ENGINE"]) \
        stopping_suffix(v)
}

# What early stopping adds to a training's name: nothing without it, and of a value only what is not usual.
function stopping_suffix(v) {
    if (v["PATIENCE"] == 0) return ""
    return "_patience-" v["PATIENCE"] (v["MIN_DELTA"] == 0 ? "" : "_min-delta-" v["MIN_DELTA"]) \
        (v["MONITOR"] == "val_loss" ? "" : "_monitor-" v["MONITOR"]) \
        (v["MODE"] == usual_mode(v["MONITOR"]) ? "" : "_mode-" v["MODE"])
}

function usual_mode(monitor) {
    return monitor ~ /acc/ ? "max" : "min"
}

function features_name(v) {
    return "rate-" v["SAMPLE_RATE"] "_fft-" v["N_FFT"] "_hop-" v["HOP_LENGTH"] "_mels-" v["N_MELS"] \
        "_top-" v["TOP_DB"] "_clip-" v["CLIP_SECONDS"]
}

# The parameters that differ among the experiments, as "filters:8,epochs:3".
function label(v, without,    i, name, text) {
    for (i = 1; i <= parameters; i++) {
        name = order[i]
        if (count[name] > 1 && index(without, name) == 0) text = text "," tolower(name) ":" v[name]
    }
    return text == "" ? "-" : substr(text, 2)
}

# --- The product of the lists --------------------------------------------------------------------------------------
function overlap(v, a, b,    n, i, fold) {
    n = split(v[a], fold, "+")
    for (i = 1; i <= n; i++)
        if (index("+" v[b] "+", "+" fold[i] "+"))
            fail(a " and " b ": fold " fold[i] " is in both, expected sets that do not overlap")
}

# The steps from epoch to epoch as 000:001+001:002.
function epoch_pairs(last,    i, text) {
    for (i = 1; i <= last; i++) text = text sprintf("+%03d:%03d", i - 1, i)
    return substr(text, 2)
}

function epoch_names(last,    i, text) {
    for (i = 1; i <= last; i++) text = text sprintf("+%03d", i)
    return substr(text, 2)
}

function add_folds(key, text,    n, i, fold) {
    n = split(text, fold, "+")
    for (i = 1; i <= n; i++)
        if (!((key, fold[i]) in has_fold)) {
            has_fold[key, fold[i]]
            folds_of[key] = folds_of[key] "+" fold[i]
        }
}

function values_text(v,    i, text) {
    for (i = 1; i <= parameters; i++) if (order[i] != "THREADS") text = text ";" order[i] "=" v[order[i]]
    return text
}

function add_experiment(v,    features, training, run) {
    if (v["MODE"] == "auto") v["MODE"] = usual_mode(v["MONITOR"])
    overlap(v, "FOLDS_TRAIN", "FOLDS_VAL")
    overlap(v, "FOLDS_TRAIN", "FOLDS_TEST")
    overlap(v, "FOLDS_VAL", "FOLDS_TEST")
    features = "data/prepared/" v["DATASET"] "/" features_name(v)
    training = "results/" shorten(v["DATASET"] "_" features_name(v) "_" training_suffix(v))
    run = training "/" shorten("test-" v["FOLDS_TEST"] "_epochs-" v["EPOCHS"])
    if (run in run_seen) return # without PATIENCE its other parameters make no other run
    run_seen[run]
    if (!(v["DATASET"] in data_seen)) data_order[++datas] = v["DATASET"]
    data_seen[v["DATASET"]]
    add_folds(v["DATASET"], v["FOLDS_TRAIN"] "+" v["FOLDS_VAL"] "+" v["FOLDS_TEST"])
    if (!(features in feature_word)) feature_order[++sets] = features
    feature_word[features] = "kind=features;dir=" features values_text(v)
    add_folds(features, v["FOLDS_TRAIN"] "+" v["FOLDS_VAL"] "+" v["FOLDS_TEST"])
    if (!(training in training_word)) {
        training_order[++trainings] = training
        longest[training] = 0
    }
    if (v["EPOCHS"] + 0 > longest[training]) {
        longest[training] = v["EPOCHS"] + 0
        longest_run[training] = run
    }
    training_word[training] = "kind=training;dir=" training ";features=" features values_text(v) \
        ";label=" label(v, "EPOCHS FOLDS_TEST")
    print_later[++runs] = "kind=run;dir=" run ";training=" training ";features=" features values_text(v) \
        ";label=" label(v, "") ";epochs=" epoch_names(v["EPOCHS"])
}

function product(depth, v,    i, name) {
    if (failed) return
    if (depth > parameters) {
        add_experiment(v)
        return
    }
    name = order[depth]
    for (i = 1; i <= count[name]; i++) {
        v[name] = list[name, i]
        product(depth + 1, v)
    }
}

# Whether all experiments have names without it.
function is_hidden(name) {
    return name ~ /^(THREADS|KEEP_BEST)$/ ||
        (name ~ /^(PATIENCE|MIN_DELTA|MONITOR|MODE)$/ && count["PATIENCE"] == 1 && list["PATIENCE", 1] == 0)
}

function selection_name(    i, j, name, text, part) {
    for (i = 1; i <= parameters; i++) {
        name = order[i]
        if (is_hidden(name)) continue
        part = list[name, 1]
        for (j = 2; j <= count[name]; j++) part = part "," list[name, j]
        text = text "_" (name == "DATASET" ? "" : short_name[name] "-") part
    }
    return shorten(substr(text, 2))
}

BEGIN {
    split("SAMPLE_RATE rate CLIP_SECONDS clip N_FFT fft HOP_LENGTH hop N_MELS mels TOP_DB top FOLDS_TRAIN train " \
          "FOLDS_VAL val FOLDS_TEST test FILTERS filters BATCH_SIZE batch LEARNING_RATE lr EPOCHS epochs SEED seed " \
          "ENGINE engine PATIENCE patience MIN_DELTA min-delta MONITOR monitor MODE mode", pair, " ")
    for (i = 1; i in pair; i += 2) short_name[pair[i]] = pair[i + 1]
    n = split(ENVIRON["KNOWN"], known, " ")
    for (i = 1; i <= n; i++) allowed[known[i]]
}

# params.mk: NAME ?= default  # type and range | unit, meaning
FILENAME == ARGV[1] && /^[A-Z_]+ *\?=/ {
    name = $1
    order[++parameters] = name
    allowed[name]
    split(substr($0, index($0, "#") + 1), part, "|")
    n = split(part[1], word, " ")
    type[name] = word[1]
    split(word[2], range, /\.\./)
    minimum[name] = range[1]
    maximum[name] = range[2]
    for (i = 2; i <= n; i++) choices[name] = choices[name] (i > 2 ? " " : "") word[i]
}

# The user's file of parameters: only its names are checked here; make has read the values.
FILENAME != ARGV[1] {
    sub(/\r$/, "")
    sub(/#.*/, "")
    if ($0 ~ /^[ \t]*$/) next
    if ($0 !~ /^[ ]*[A-Za-z_][A-Za-z_0-9]*[ \t]*[:?]?=/)
        fail(FILENAME ":" FNR ": found '" $0 "', expected NAME = value")
    name = $0
    sub(/^[ ]*/, "", name)
    sub(/[ \t]*[:?]?=.*/, "", name)
    in_file[name] = FILENAME ":" FNR ": "
}

END {
    if (failed) exit
    experiments = 1
    for (i = 1; i <= parameters && !failed; i++) {
        read_values(order[i], ENVIRON[order[i]])
        if (failed) exit
        experiments *= count[order[i]]
    }
    for (i = 1; i <= count["DATASET"]; i++) allowed[directory_variable(list["DATASET", i])]
    for (name in in_file) if (!(name in allowed)) { refuse_name(name, in_file[name]); exit }
    n = split(ENVIRON["GIVEN"], given, " ")
    for (i = 1; i <= n; i++) if (!(given[i] in allowed)) { refuse_name(given[i], ""); exit }
    if (count["THREADS"] != 1) { bad_value("THREADS", ENVIRON["THREADS"], "one value"); exit }
    if (count["KEEP_BEST"] != 1) { bad_value("KEEP_BEST", ENVIRON["KEEP_BEST"], "one value"); exit }
    if (list["KEEP_BEST", 1] > 0 && count["MONITOR"] * count["MODE"] != 1) {
        fail("KEEP_BEST: found several of MONITOR or MODE, expected one of each, to know which epochs are best")
        exit
    }
    if (experiments > 1000) { fail(experiments " experiments, expected at most 1000"); exit }
    product(1)
    if (failed) exit
    print "ok"
    for (i = 1; i <= datas; i++)
        print "kind=data;name=" data_order[i] ";variable=" directory_variable(data_order[i]) \
            ";folds=" substr(folds_of[data_order[i]], 2)
    for (i = 1; i <= sets; i++) print feature_word[feature_order[i]] ";folds=" substr(folds_of[feature_order[i]], 2)
    for (i = 1; i <= trainings; i++) {
        name = training_order[i]
        print training_word[name] ";epochs=" epoch_pairs(longest[name]) ";longest_run=" longest_run[name]
    }
    for (i = 1; i <= runs; i++) print print_later[i]
    print "kind=selection;name=" selection_name() ";THREADS=" list["THREADS", 1] ";KEEP_BEST=" list["KEEP_BEST", 1]
}
