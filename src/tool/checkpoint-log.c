/* Prints what the epochs have shown: one row a checkpoint, or one row a step. */
#include <inttypes.h>
#include <stdio.h>

#include "checkpoint.h"
#include "command_line.h"

static void print_text(const struct checkpoint *checkpoint, const char *name)
{
    const char *text = safetensors_text(&checkpoint->file, name);
    printf(",%s", text != NULL ? text : "");
}

static void print_steps(const struct checkpoint *checkpoint)
{
    const struct safetensors_tensor *losses = safetensors_find(&checkpoint->file, "metrics.step_loss");
    const float *values = losses->data;
    for (size_t step = 0; step < losses->values; step++)
        printf("%" PRId64 ",%zu,%.9g\n", checkpoint->epoch, step + 1, (double)values[step]);
}

int main(int argc, char **argv)
{
    bool steps = false;
    const struct option options[] = {
        {"steps", OPTION_FLAG, &steps, 0, 0, NULL, "a row a step: epoch,step,loss (mean of its batch)"},
        {0},
    };
    const struct command command = {
        "checkpoint-log", "CHECKPOINT...", "Print the metrics of the epochs in some checkpoints as CSV.",
        "Columns: epoch,train_loss,train_acc,val_loss,val_acc; the last two are empty without validation.\n"
        "Example: checkpoint-log epoch-001.safetensors epoch-002.safetensors > log.csv",
        options, 1, -1,
    };
    struct error error;
    int at = command_line_parse(&command, argc, argv);
    puts(steps ? "epoch,step,loss" : "epoch,train_loss,train_acc,val_loss,val_acc");
    for (; at < argc; at++) {
        struct checkpoint checkpoint;
        FILE *stream = fopen(argv[at], "rb");
        if (stream == NULL)
            die("cannot open '%s'", argv[at]);
        if (checkpoint_read(&checkpoint, stream, argv[at], &error) != 0)
            die_error(&error);
        fclose(stream);
        if (checkpoint.epoch == 0)
            die("%s: is of epoch 0, which has no metrics", argv[at]);
        if (steps) {
            print_steps(&checkpoint);
        } else {
            static const char *const names[] = {"train_loss", "train_acc", "val_loss", "val_acc"};
            printf("%" PRId64, checkpoint.epoch);
            for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                print_text(&checkpoint, names[i]);
            putchar('\n');
        }
        checkpoint_release(&checkpoint);
    }
    return close_output();
}
