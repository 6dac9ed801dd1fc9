# The seconds that the steps of a run took, the last time that each was made: of the epochs 1 to `epochs` and of the
# predictions. Reads the times beside the training's and the run's files.
BEGIN {
    FS = OFS = "\t"
    print "step", "seconds"
}
{ seconds[$1] = $2 }
END {
    for (epoch = 1; epoch <= epochs; epoch++) {
        step = sprintf("epoch-%03d", epoch)
        if (step ".safetensors" in seconds) print step, seconds[step ".safetensors"]
    }
    if ("predictions.tsv" in seconds) print "predictions", seconds["predictions.tsv"]
}
