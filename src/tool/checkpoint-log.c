/* Prints what the epochs have shown: one row a checkpoint, or one row a step. */
#include <inttypes.h>
#include <stdio.h>

#include "checkpoint.h"
#include "command_line.h"
#include "early_stopping.h"
#include "table.h"

static const char details[] =
    "Columns: epoch,train_loss,train_acc,val_loss,val_acc; the last two are empty without validation. A checkpoint whose\n"
    "training had stopped earlier is left out, as it holds the same epoch once more.\n"
    "Example: checkpoint-log epoch-001.safetensors epoch-002.safetensors > log.csv";

static void print_text(const struct checkpoint *checkpoint, const char *name)
{
    const char *text = safetensors_text(&checkpoint->file, name);
    printf(",%s", text != NULL ? text : "");
}

static void print_metrics(const struct checkpoint *checkpoint)
{
    static const char *const names[] = {"train_loss", "train_acc", "val_loss", "val_acc"};
    printf("%" PRId64, checkpoint->epoch);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        print_text(checkpoint, names[i]);
    putchar('\n');
}

static void print_steps(const struct checkpoint *checkpoint)
{
    const struct safetensors_tensor *losses = safetensors_find(&checkpoint->file, "metrics.step_loss");
    const float *values = losses->data;
    for (size_t step = 0; step < losses->values; step++)
        printf("%" PRId64 ",%zu,%.9g\n", checkpoint->epoch, step + 1, (double)values[step]);
}

/* '-' is "missing" in the tables of runs. */
static void print_stopping(const struct checkpoint *checkpoint, const struct early_stopping_state *state)
{
    if (state->monitor == NULL)
        puts("stopped=- best_epoch=- best=-");
    else if (state->stopped)
        printf("stopped=%" PRId64 " best_epoch=%" PRId64 " best=%s\n", checkpoint->epoch, state->best_epoch,
               state->best);
    else
        printf("stopped=- best_epoch=%" PRId64 " best=%s\n", state->best_epoch, state->best);
}

/* Returns the last epoch in it. */
static int64_t print_earlier(const char *path, const char *header)
{
    struct error error;
    struct table table;
    int64_t last = 0;
    if (table_read_file(&table, path, ',', &error) != 0)
        die_error(&error);
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        die("cannot open '%s'", path);
    int c;
    while ((c = getc(stream)) != EOF && c == *header)
        header++;
    if (*header != '\0' || c != '\n')
        die("%s: has other columns, expected the output of an earlier call", path);
    if (table.rows > 0 && table_integer(&table, table.rows - 1, 0, 1, INT32_MAX, &last, &error) != 0)
        die_error(&error);
    rewind(stream);
    while ((c = getc(stream)) != EOF)
        putchar(c);
    fclose(stream);
    table_release(&table);
    return last;
}

static void read_checkpoint(struct checkpoint *checkpoint, struct early_stopping_state *state, const char *path)
{
    struct error error;
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        die("cannot open '%s'", path);
    if (checkpoint_read(checkpoint, stream, path, &error) != 0)
        die_error(&error);
    fclose(stream);
    if (checkpoint->epoch == 0)
        die("%s: is of epoch 0, which has no metrics", path);
    if (early_stopping_read(state, checkpoint, &error) != 0) {
        error_prefix(&error, "%s", path);
        die_error(&error);
    }
}

int main(int argc, char **argv)
{
    bool steps = false, stopping = false;
    const char *after = NULL;
    const struct option options[] = {
        {"steps", OPTION_FLAG, &steps, 0, 0, NULL, "a row a step: epoch,step,loss (mean of its batch)"},
        {"stopping", OPTION_FLAG, &stopping, 0, 0, NULL, "stopped=, best_epoch=, best=, a line for each checkpoint"},
        {"after", OPTION_TEXT, &after, 0, 0, "CSV", "print what an earlier call printed for the epochs before first"},
        {0},
    };
    const struct command command = {
        "checkpoint-log", "CHECKPOINT...", "Print the metrics of the epochs in some checkpoints as CSV.",
        details, options, 0, -1,
    };
    int at = command_line_parse(&command, argc, argv);
    if (at == argc && after == NULL)
        die_usage("an operand is missing: checkpoint-log %s", command.synopsis);
    if (stopping && (steps || after != NULL))
        die_usage("--stopping goes with no other option");
    const char *header = steps ? "epoch,step,loss" : "epoch,train_loss,train_acc,val_loss,val_acc";
    int64_t last = after != NULL ? print_earlier(after, header) : 0;
    if (!stopping && after == NULL)
        puts(header);
    for (; at < argc; at++) {
        struct checkpoint checkpoint;
        struct early_stopping_state state;
        read_checkpoint(&checkpoint, &state, argv[at]);
        bool is_again = state.stopped && checkpoint.epoch == last;
        last = checkpoint.epoch;
        if (stopping)
            print_stopping(&checkpoint, &state);
        else if (!is_again)
            (steps ? print_steps : print_metrics)(&checkpoint);
        checkpoint_release(&checkpoint);
    }
    return close_output();
}
