/* Makes the checkpoint of epoch 0: random weights, or those of a PyTorch state_dict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"
#include "command_line.h"
#include "number.h"
#include "table.h"

/* The class names of a table with the columns label and class, or "0" to "N - 1" where `text` is a number. */
static char **read_classes(const char *text, int *count)
{
    struct error error;
    struct table table;
    int64_t number, label;
    if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0') {
        if (number_parse_integer(text, CLASSES_MIN, CLASSES_MAX, &number, &error) != 0)
            die_usage("--classes: %s", error.message);
        char **names = allocate_or_die((size_t)number, sizeof *names);
        for (*count = 0; *count < number; ++*count) {
            names[*count] = allocate_or_die(1, 16);
            snprintf(names[*count], 16, "%d", *count);
        }
        return names;
    }
    size_t labels, names_column;
    if (table_read_file(&table, text, '\t', &error) != 0 ||
        table_find_column(&table, "label", &labels, &error) != 0 ||
        table_find_column(&table, "class", &names_column, &error) != 0 ||
        table_check_keys(&table, names_column, &error) != 0)
        die_error(&error);
    if (table.rows < CLASSES_MIN || table.rows > CLASSES_MAX)
        die("%s: holds %zu classes, expected %d to %d", text, table.rows, CLASSES_MIN, CLASSES_MAX);
    char **names = allocate_or_die(table.rows, sizeof *names);
    for (size_t row = 0; row < table.rows; row++) {
        if (table_integer(&table, row, labels, (int64_t)row, (int64_t)row, &label, &error) != 0)
            die_error(&error);
        const char *name = table_field(&table, row, names_column);
        names[row] = allocate_or_die(strlen(name) + 1, 1);
        memcpy(names[row], name, strlen(name));
    }
    *count = (int)table.rows;
    table_release(&table);
    return names;
}

int main(int argc, char **argv)
{
    int64_t filters = 16, seed = 0;
    const char *classes_text = "10", *weights_path = NULL;
    struct feature_parameters features = feature_parameters_default;
    const struct option options[] = {
        {"filters", OPTION_INTEGER, &filters, FILTERS_MIN, FILTERS_MAX, NULL, "outputs of the first convolution"},
        {"classes", OPTION_TEXT, &classes_text, 0, 0, "N|FILE", "how many, or a table with columns label and class"},
        {"seed", OPTION_INTEGER, &seed, 0, CHECKPOINT_SEED_MAX, NULL, "of the weights and of the order of the clips"},
        {"weights", OPTION_TEXT, &weights_path, 0, 0, "FILE", "safetensors of PyTorch's state_dict, instead of random"},
        {"sample-rate", OPTION_INTEGER, &features.sample_rate, SAMPLE_RATE_MIN, SAMPLE_RATE_MAX, NULL, "Hz"},
        {"clip-seconds", OPTION_REAL, &features.clip_seconds, CLIP_SECONDS_MIN, CLIP_SECONDS_MAX, NULL, "s"},
        {"n-fft", OPTION_INTEGER, &features.n_fft, N_FFT_MIN, N_FFT_MAX, NULL, "samples in a window"},
        {"hop-length", OPTION_INTEGER, &features.hop_length, HOP_LENGTH_MIN, HOP_LENGTH_MAX, NULL, "samples between"},
        {"n-mels", OPTION_INTEGER, &features.n_mels, N_MELS_MIN, N_MELS_MAX, NULL, "mel bands"},
        {"top-db", OPTION_REAL, &features.top_db, TOP_DB_MIN, TOP_DB_MAX, NULL, "floor under the maximum, dB"},
        {0},
    };
    const struct command command = {
        "init-model", "> CHECKPOINT", "Make the checkpoint of epoch 0.",
        "The features' parameters are only noted in it, so that `predict` can take sound files.\n"
        "Example: init-model --filters=16 --classes=10 | train-epoch fold-1.npy fold-2.npy fold-3.npy > epoch-1",
        options, 0, 0,
    };
    command_line_parse(&command, argc, argv);
    struct error error;
    struct checkpoint checkpoint;
    int class_count;
    char **classes = read_classes(classes_text, &class_count);
    if (checkpoint_initialise(&checkpoint, (int)filters, classes, class_count, (uint64_t)seed, &features, &error) != 0)
        die_error(&error);
    for (int i = 0; i < class_count; i++)
        free(classes[i]);
    free(classes);
    if (weights_path != NULL) {
        struct safetensors weights;
        FILE *stream = fopen(weights_path, "rb");
        if (stream == NULL)
            die("--weights: cannot open '%s'", weights_path);
        if (safetensors_read(&weights, stream, weights_path, &error) != 0 ||
            checkpoint_take_weights(&checkpoint, &weights, weights_path, &error) != 0)
            die_error(&error);
        fclose(stream);
        safetensors_release(&weights);
    }
    if (checkpoint_write(&checkpoint, stdout, &error) != 0)
        die_error(&error);
    checkpoint_release(&checkpoint);
    return close_output();
}
