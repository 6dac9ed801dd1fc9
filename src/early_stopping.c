#include "early_stopping.h"

#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "number.h"

static const char *const names[] = {"monitor", "mode", "best", "best_epoch", "stopped"};
enum { NAMES = sizeof names / sizeof names[0] };

static bool is_monitor(const char *text)
{
    return strcmp(text, "val_loss") == 0 || strcmp(text, "val_acc") == 0 || strcmp(text, "train_loss") == 0 ||
           strcmp(text, "train_acc") == 0;
}

int early_stopping_read(struct early_stopping_state *state, const struct checkpoint *checkpoint, struct error *error)
{
    const char *texts[NAMES];
    for (int i = 0; i < NAMES; i++)
        texts[i] = safetensors_text(&checkpoint->file, names[i]);
    *state = (struct early_stopping_state){texts[0], texts[1], texts[2], 0, 0, texts[4] != NULL};
    bool none = true, all = true;
    for (int i = 0; i < NAMES; i++)
        none = none && texts[i] == NULL;
    for (int i = 0; i < NAMES - 1; i++)
        all = all && texts[i] != NULL;
    if (none)
        return 0;
    if (!all)
        return error_set(error, "its metadata have some of monitor, mode, best, best_epoch, not all");
    if (!is_monitor(state->monitor))
        return error_set(error, "monitor: found '%s', expected one of " EARLY_STOPPING_MONITORS, state->monitor);
    if (strcmp(state->mode, "min") != 0 && strcmp(state->mode, "max") != 0)
        return error_set(error, "mode: found '%s', expected min or max", state->mode);
    if (number_parse_real(state->best, 0, DBL_MAX, &state->best_value, error) != 0)
        return error_prefix(error, "best");
    if (number_parse_integer(texts[3], 1, checkpoint->epoch, &state->best_epoch, error) != 0)
        return error_prefix(error, "best_epoch");
    int64_t epoch;
    if (state->stopped && number_parse_integer(texts[4], checkpoint->epoch, checkpoint->epoch, &epoch, error) != 0)
        return error_prefix(error, "stopped");
    return 0;
}

static int set_integer(struct checkpoint *checkpoint, const char *name, int64_t value, struct error *error)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    return safetensors_set_text(&checkpoint->file, name, text, error);
}

static int set_best(struct checkpoint *checkpoint, const char *monitor, const char *mode, const char *value,
                    struct error *error)
{
    char copy[64]; /* setting a text may move the others */
    snprintf(copy, sizeof copy, "%s", value);
    if (safetensors_set_text(&checkpoint->file, "monitor", monitor, error) != 0 ||
        safetensors_set_text(&checkpoint->file, "mode", mode, error) != 0 ||
        safetensors_set_text(&checkpoint->file, "best", copy, error) != 0)
        return -1;
    return set_integer(checkpoint, "best_epoch", checkpoint->epoch, error);
}

int early_stopping_update(struct checkpoint *checkpoint, const struct early_stopping *options, struct error *error)
{
    struct early_stopping_state state;
    double value;
    if (options->patience == 0) {
        for (int i = 0; i < NAMES; i++)
            safetensors_remove(&checkpoint->file, names[i]);
        return 0;
    }
    const char *text = safetensors_text(&checkpoint->file, options->monitor), *mode = options->mode;
    if (text == NULL)
        return error_set(error, "the epoch has no %s", options->monitor);
    if (number_parse_real(text, -DBL_MAX, DBL_MAX, &value, error) != 0)
        return error_prefix(error, "%s", options->monitor);
    if (strcmp(mode, "auto") == 0)
        mode = strstr(options->monitor, "acc") != NULL ? "max" : "min";
    if (early_stopping_read(&state, checkpoint, error) != 0)
        return -1;
    bool is_first = state.monitor == NULL || strcmp(state.monitor, options->monitor) != 0 ||
                    strcmp(state.mode, mode) != 0;
    double gain = mode[1] == 'i' ? state.best_value - value : value - state.best_value;
    if (is_first || gain > options->min_delta)
        return set_best(checkpoint, options->monitor, mode, text, error);
    return checkpoint->epoch - state.best_epoch >= options->patience
               ? set_integer(checkpoint, "stopped", checkpoint->epoch, error) : 0;
}
