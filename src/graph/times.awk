# The seconds that the steps of a run took, the last time that each was made: of the epochs that were trained, of which
# `log_csv` has the last one, and of the predictions. Reads the times beside the training's and the run's files; what was
# restored has none.
BEGIN {
    FS = OFS = "\t"
    while ((getline <log_csv) > 0) epochs = $0 + 0
    for (i = 1; i < ARGC; i++)
        while ((getline <ARGV[i]) > 0) seconds[$1] = $2
    print "step", "seconds"
    for (epoch = 1; epoch <= epochs; epoch++) {
        step = sprintf("epoch-%03d", epoch)
        if (step ".safetensors" in seconds) print step, seconds[step ".safetensors"]
    }
    if ("predictions.tsv" in seconds) print "predictions", seconds["predictions.tsv"]
}
