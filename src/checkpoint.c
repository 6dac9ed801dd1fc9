#include "checkpoint.h"

#include <float.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"
#include "random.h"

enum { TEXT_BYTES = 64, NAME_BYTES = 96 };

static const char format_text[] = "bitfast-checkpoint-1", network_text[] = "AudioNet";
static const char step_loss_name[] = "metrics.step_loss", adam_step_name[] = "adam.step";
static const char *const adam_prefixes[] = {"adam.exp_avg.", "adam.exp_avg_sq."};
enum { ADAM_PREFIXES = 2 };
#define COUNT_MAX (INT64_C(1) << 53)

struct convolution_shape checkpoint_convolution(int convolution, int filters)
{
    static const struct convolution_shape shapes[CONVOLUTIONS] = {{11, 0, 1}, {3, 1, 1}, {3, 1, 2}, {3, 2, 4}};
    struct convolution_shape shape = shapes[convolution];
    shape.inputs = convolution == 0 ? 1 : shape.inputs * filters;
    shape.outputs *= filters;
    return shape;
}

static const char *const tensor_names[CHECKPOINT_TENSORS] = {
    "conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var",
    "bn1.num_batches_tracked", "conv2.weight", "conv2.bias", "bn2.weight", "bn2.bias", "bn2.running_mean",
    "bn2.running_var", "bn2.num_batches_tracked", "conv3.weight", "conv3.bias", "bn3.weight", "bn3.bias",
    "bn3.running_mean", "bn3.running_var", "bn3.num_batches_tracked", "conv4.weight", "conv4.bias", "bn4.weight",
    "bn4.bias", "bn4.running_mean", "bn4.running_var", "bn4.num_batches_tracked", "fc1.weight", "fc1.bias",
};

void checkpoint_tensors(struct checkpoint_tensor table[CHECKPOINT_TENSORS], int filters, int classes)
{
    struct checkpoint_tensor *row = table;
    for (int layer = 0; layer < CONVOLUTIONS; layer++) {
        struct convolution_shape shape = checkpoint_convolution(layer, filters);
        int fan_in = shape.inputs * shape.kernel * shape.kernel;
        int64_t outputs = shape.outputs;
        *row++ = (struct checkpoint_tensor){.rank = 4, .sizes = {outputs, shape.inputs, shape.kernel, shape.kernel},
                                            .fan_in = fan_in};
        *row++ = (struct checkpoint_tensor){.rank = 1, .sizes = {outputs}, .fan_in = fan_in};
        *row++ = (struct checkpoint_tensor){.rank = 1, .sizes = {outputs}, .initial = 1.0f};
        *row++ = (struct checkpoint_tensor){.rank = 1, .sizes = {outputs}};
        *row++ = (struct checkpoint_tensor){.kind = TENSOR_RUNNING, .rank = 1, .sizes = {outputs}};
        *row++ = (struct checkpoint_tensor){.kind = TENSOR_RUNNING, .rank = 1, .sizes = {outputs}, .initial = 1.0f};
        *row++ = (struct checkpoint_tensor){.kind = TENSOR_COUNTER, .rank = 0};
    }
    int features = checkpoint_convolution(CONVOLUTIONS - 1, filters).outputs;
    *row++ = (struct checkpoint_tensor){.rank = 2, .sizes = {classes, features}, .fan_in = features};
    *row++ = (struct checkpoint_tensor){.rank = 1, .sizes = {classes}, .fan_in = features};
    for (int i = 0; i < CHECKPOINT_TENSORS; i++)
        table[i].name = tensor_names[i];
}

void checkpoint_release(struct checkpoint *checkpoint)
{
    for (int i = 0; i < checkpoint->class_count && checkpoint->classes != NULL; i++)
        free(checkpoint->classes[i]);
    free(checkpoint->classes);
    safetensors_release(&checkpoint->file);
    *checkpoint = (struct checkpoint){0};
}

float *checkpoint_floats(const struct checkpoint *checkpoint, const char *name)
{
    return safetensors_find(&checkpoint->file, name)->data;
}

int64_t *checkpoint_integers(const struct checkpoint *checkpoint, const char *name)
{
    return safetensors_find(&checkpoint->file, name)->data;
}

/* --- Metadata --- */

static int set_integer(struct checkpoint *checkpoint, const char *name, int64_t value, struct error *error)
{
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "%" PRId64, value);
    return safetensors_set_text(&checkpoint->file, name, text, error);
}

static int set_real(struct checkpoint *checkpoint, const char *name, double value, struct error *error)
{
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "%.9g", value);
    return safetensors_set_text(&checkpoint->file, name, text, error);
}

static int set_classes(struct checkpoint *checkpoint, struct error *error)
{
    json_t *names = json_array();
    int status = 0;
    for (int i = 0; i < checkpoint->class_count && status == 0; i++)
        if (json_array_append_new(names, json_string(checkpoint->classes[i])) != 0)
            status = error_set(error, "the name of class %d is not UTF-8", i);
    char *text = json_dumps(names, JSON_COMPACT);
    if (status == 0)
        status = text != NULL ? safetensors_set_text(&checkpoint->file, "classes", text, error)
                              : error_set(error, "no memory for %d class names", checkpoint->class_count);
    free(text);
    json_decref(names);
    return status;
}

static int set_metadata(struct checkpoint *checkpoint, struct error *error)
{
    const struct feature_parameters *features = &checkpoint->features;
    if (safetensors_set_text(&checkpoint->file, "format", format_text, error) != 0 ||
        safetensors_set_text(&checkpoint->file, "network", network_text, error) != 0 ||
        set_classes(checkpoint, error) != 0 || set_integer(checkpoint, "filters", checkpoint->filters, error) != 0 ||
        set_integer(checkpoint, "seed", (int64_t)checkpoint->seed, error) != 0 ||
        set_integer(checkpoint, "sample_rate", features->sample_rate, error) != 0 ||
        set_real(checkpoint, "clip_seconds", features->clip_seconds, error) != 0 ||
        set_integer(checkpoint, "n_fft", features->n_fft, error) != 0 ||
        set_integer(checkpoint, "hop_length", features->hop_length, error) != 0 ||
        set_integer(checkpoint, "n_mels", features->n_mels, error) != 0 ||
        set_real(checkpoint, "top_db", features->top_db, error) != 0)
        return -1;
    return set_integer(checkpoint, "epoch", checkpoint->epoch, error);
}

static const char *get_text(const struct checkpoint *checkpoint, const char *name, struct error *error)
{
    const char *text = safetensors_text(&checkpoint->file, name);
    if (text == NULL)
        error_set(error, "its metadata lack '%s'", name);
    return text;
}

static int get_integer(const struct checkpoint *checkpoint, const char *name, int64_t minimum, int64_t maximum,
                       int64_t *value, struct error *error)
{
    const char *text = get_text(checkpoint, name, error);
    if (text == NULL)
        return -1;
    return number_parse_integer(text, minimum, maximum, value, error) == 0 ? 0 : error_prefix(error, "%s", name);
}

static int get_real(const struct checkpoint *checkpoint, const char *name, double minimum, double maximum,
                    double *value, struct error *error)
{
    const char *text = get_text(checkpoint, name, error);
    if (text == NULL)
        return -1;
    return number_parse_real(text, minimum, maximum, value, error) == 0 ? 0 : error_prefix(error, "%s", name);
}

static int copy_classes(struct checkpoint *checkpoint, char *const *classes, int count, struct error *error)
{
    checkpoint->classes = calloc((size_t)count, sizeof *checkpoint->classes);
    if (checkpoint->classes == NULL)
        return error_set(error, "no memory for %d class names", count);
    checkpoint->class_count = count;
    for (int i = 0; i < count; i++)
        if ((checkpoint->classes[i] = strdup(classes[i])) == NULL)
            return error_set(error, "no memory for %d class names", count);
    return 0;
}

/* A class is a column of tables. */
static int is_class_name(const char *name)
{
    const char *at = name;
    while ((unsigned char)*at >= ' ' && *at != 0x7f)
        at++;
    return at > name && *at == '\0';
}

static int get_classes(struct checkpoint *checkpoint, struct error *error)
{
    const char *text = get_text(checkpoint, "classes", error);
    if (text == NULL)
        return -1;
    json_t *names = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    size_t count = json_array_size(names);
    int status = 0;
    char **classes = calloc(count + 1, sizeof *classes);
    for (size_t i = 0; i < count && classes != NULL; i++) {
        classes[i] = (char *)(uintptr_t)json_string_value(json_array_get(names, i));
        if (classes[i] == NULL || !is_class_name(classes[i]))
            status = -1;
    }
    if (classes == NULL || status != 0 || count < CLASSES_MIN || count > CLASSES_MAX)
        status = error_set(error, "its metadata 'classes' are not a list of %d to %d names without control characters",
                           CLASSES_MIN, CLASSES_MAX);
    else
        status = copy_classes(checkpoint, classes, (int)count, error);
    free(classes);
    json_decref(names);
    return status;
}

static int check_metrics(const struct checkpoint *checkpoint, struct error *error)
{
    double value;
    int validated = safetensors_text(&checkpoint->file, "val_loss") != NULL ||
                    safetensors_text(&checkpoint->file, "val_acc") != NULL;
    if (get_real(checkpoint, "train_loss", 0, DBL_MAX, &value, error) != 0 ||
        get_real(checkpoint, "train_acc", 0, 1, &value, error) != 0)
        return -1;
    return validated && (get_real(checkpoint, "val_loss", 0, DBL_MAX, &value, error) != 0 ||
                         get_real(checkpoint, "val_acc", 0, 1, &value, error) != 0) ? -1 : 0;
}

static int get_metadata(struct checkpoint *checkpoint, struct error *error)
{
    struct feature_parameters *features = &checkpoint->features;
    const char *format = safetensors_text(&checkpoint->file, "format");
    const char *network = safetensors_text(&checkpoint->file, "network");
    int64_t filters, seed;
    if (format == NULL || strncmp(format, "bitfast-checkpoint-", strlen("bitfast-checkpoint-")) != 0)
        return error_set(error, "is not a checkpoint of bitfast; init-model --weights takes PyTorch's");
    if (strcmp(format, format_text) != 0)
        return error_set(error, "was made by another version: format '%s', expected '%s'", format, format_text);
    if (network == NULL || strcmp(network, network_text) != 0)
        return error_set(error, "holds the network '%s', expected '%s'", network != NULL ? network : "", network_text);
    if (get_classes(checkpoint, error) != 0 ||
        get_integer(checkpoint, "filters", FILTERS_MIN, FILTERS_MAX, &filters, error) != 0 ||
        get_integer(checkpoint, "seed", 0, (int64_t)CHECKPOINT_SEED_MAX, &seed, error) != 0 ||
        get_integer(checkpoint, "sample_rate", SAMPLE_RATE_MIN, SAMPLE_RATE_MAX, &features->sample_rate, error) != 0 ||
        get_real(checkpoint, "clip_seconds", CLIP_SECONDS_MIN, CLIP_SECONDS_MAX, &features->clip_seconds, error) != 0 ||
        get_integer(checkpoint, "n_fft", N_FFT_MIN, N_FFT_MAX, &features->n_fft, error) != 0 ||
        get_integer(checkpoint, "hop_length", HOP_LENGTH_MIN, HOP_LENGTH_MAX, &features->hop_length, error) != 0 ||
        get_integer(checkpoint, "n_mels", N_MELS_MIN, N_MELS_MAX, &features->n_mels, error) != 0 ||
        get_real(checkpoint, "top_db", TOP_DB_MIN, TOP_DB_MAX, &features->top_db, error) != 0)
        return -1;
    checkpoint->filters = (int)filters;
    checkpoint->seed = (uint64_t)seed;
    if (get_integer(checkpoint, "epoch", 0, INT32_MAX, &checkpoint->epoch, error) != 0)
        return -1;
    return checkpoint->epoch > 0 ? check_metrics(checkpoint, error) : 0;
}

/* --- Tensors --- */

static int check_finite(const struct safetensors_tensor *tensor, struct error *error)
{
    const float *values = tensor->data;
    for (size_t i = 0; tensor->type == SAFETENSORS_F32 && i < tensor->values; i++)
        if (!isfinite(values[i]))
            return error_set(error, "the tensor '%s' holds %g at position %zu", tensor->name, (double)values[i], i);
    return 0;
}

static int check_counts(const struct safetensors_tensor *tensor, struct error *error)
{
    const int64_t *values = tensor->data;
    for (size_t i = 0; tensor->type == SAFETENSORS_I64 && i < tensor->values; i++)
        if (values[i] < 0 || values[i] > COUNT_MAX)
            return error_set(error, "the tensor '%s' holds %" PRId64 ", expected 0 to %" PRId64, tensor->name,
                             values[i], COUNT_MAX);
    return 0;
}

int checkpoint_check_finite(const struct checkpoint *checkpoint, struct error *error)
{
    for (size_t i = 0; i < checkpoint->file.tensor_count; i++)
        if (check_finite(&checkpoint->file.tensors[i], error) != 0)
            return -1;
    return 0;
}

static int check_tensor(const struct safetensors *file, const char *name, enum safetensors_type type, int rank,
                        const int64_t *sizes, struct error *error)
{
    const struct safetensors_tensor *tensor = safetensors_find(file, name);
    if (tensor == NULL)
        return error_set(error, "lacks the tensor '%s'", name);
    if (tensor->type != type || tensor->rank != rank)
        return error_set(error, "the tensor '%s' has another type or another number of dimensions than the network's",
                         name);
    for (int i = 0; i < rank; i++)
        if (tensor->sizes[i] != sizes[i])
            return error_set(error, "the tensor '%s' has size %" PRId64 " in dimension %d, expected %" PRId64, name,
                             tensor->sizes[i], i + 1, sizes[i]);
    return check_finite(tensor, error) != 0 ? -1 : check_counts(tensor, error);
}

static enum safetensors_type type_of(const struct checkpoint_tensor *row)
{
    return row->kind == TENSOR_COUNTER ? SAFETENSORS_I64 : SAFETENSORS_F32;
}

/* A tensor of the network's state. A variance is the running statistic that starts at 1. */
static int check_state(const struct safetensors *file, const struct checkpoint_tensor *row, struct error *error)
{
    if (check_tensor(file, row->name, type_of(row), row->rank, row->sizes, error) != 0)
        return -1;
    const struct safetensors_tensor *tensor = safetensors_find(file, row->name);
    const float *values = tensor->data;
    for (size_t i = 0; row->kind == TENSOR_RUNNING && row->initial == 1.0f && i < tensor->values; i++)
        if (values[i] < 0.0f)
            return error_set(error, "the tensor '%s' holds %g at position %zu, expected no negative variance",
                             row->name, (double)values[i], i);
    return 0;
}

static const char *adam_name(char name[NAME_BYTES], int prefix, const struct checkpoint_tensor *row)
{
    snprintf(name, NAME_BYTES, "%s%s", adam_prefixes[prefix], row->name);
    return name;
}

static int check_tensors(const struct checkpoint *checkpoint, struct error *error)
{
    struct checkpoint_tensor table[CHECKPOINT_TENSORS];
    char name[NAME_BYTES];
    size_t expected = CHECKPOINT_TENSORS + 1 + (checkpoint->epoch > 0);
    checkpoint_tensors(table, checkpoint->filters, checkpoint->class_count);
    for (int i = 0; i < CHECKPOINT_TENSORS; i++) {
        const struct checkpoint_tensor *row = &table[i];
        if (check_state(&checkpoint->file, row, error) != 0)
            return -1;
        for (int prefix = 0; prefix < ADAM_PREFIXES && row->kind == TENSOR_TRAINED; prefix++, expected++)
            if (check_tensor(&checkpoint->file, adam_name(name, prefix, row), SAFETENSORS_F32, row->rank, row->sizes,
                             error) != 0)
                return -1;
    }
    if (check_tensor(&checkpoint->file, adam_step_name, SAFETENSORS_I64, 0, NULL, error) != 0)
        return -1;
    const struct safetensors_tensor *losses = safetensors_find(&checkpoint->file, step_loss_name);
    if (checkpoint->epoch > 0 && (losses == NULL || losses->rank != 1 || losses->type != SAFETENSORS_F32))
        return error_set(error, "lacks the tensor '%s'", step_loss_name);
    if (losses != NULL && check_finite(losses, error) != 0)
        return -1;
    if (checkpoint->file.tensor_count != expected)
        return error_set(error, "has %zu tensors, expected %zu", checkpoint->file.tensor_count, expected);
    return 0;
}

/* Adds all tensors of epoch 0; the trained ones with a fan-in get random values, the table's row in their
 * key. */
static int add_tensors(struct checkpoint *checkpoint, struct error *error)
{
    struct checkpoint_tensor table[CHECKPOINT_TENSORS];
    struct safetensors *file = &checkpoint->file;
    checkpoint_tensors(table, checkpoint->filters, checkpoint->class_count);
    for (int i = 0; i < CHECKPOINT_TENSORS; i++) {
        const struct checkpoint_tensor *row = &table[i];
        struct safetensors_tensor *tensor =
            safetensors_add(file, row->name, type_of(row), row->rank, row->sizes, error);
        if (tensor == NULL)
            return -1;
        if (row->kind == TENSOR_COUNTER)
            continue;
        float *values = tensor->data;
        double bound = row->fan_in > 0 ? 1.0 / sqrt((double)row->fan_in) : 0.0;
        for (size_t v = 0; v < tensor->values; v++) {
            struct random_block block = random_at(checkpoint->seed, RANDOM_WEIGHTS, (uint32_t)i, v);
            values[v] = row->fan_in > 0 ? (float)((2.0 * random_uniform_double(block) - 1.0) * bound) : row->initial;
        }
    }
    for (int prefix = 0; prefix < ADAM_PREFIXES; prefix++)
        for (int i = 0; i < CHECKPOINT_TENSORS; i++) {
            char name[NAME_BYTES];
            if (table[i].kind == TENSOR_TRAINED && safetensors_add(file, adam_name(name, prefix, &table[i]),
                                                                   SAFETENSORS_F32, table[i].rank, table[i].sizes,
                                                                   error) == NULL)
                return -1;
        }
    return safetensors_add(file, adam_step_name, SAFETENSORS_I64, 0, NULL, error) != NULL ? 0 : -1;
}

int checkpoint_initialise(struct checkpoint *checkpoint, int filters, char *const *classes, int class_count,
                          uint64_t seed, const struct feature_parameters *features, struct error *error)
{
    *checkpoint = (struct checkpoint){.filters = filters, .seed = seed, .features = *features};
    if (copy_classes(checkpoint, classes, class_count, error) == 0 && set_metadata(checkpoint, error) == 0 &&
        add_tensors(checkpoint, error) == 0)
        return 0;
    checkpoint_release(checkpoint);
    return -1;
}

int checkpoint_take_weights(struct checkpoint *checkpoint, const struct safetensors *weights, const char *name,
                            struct error *error)
{
    struct checkpoint_tensor table[CHECKPOINT_TENSORS];
    checkpoint_tensors(table, checkpoint->filters, checkpoint->class_count);
    for (int i = 0; i < CHECKPOINT_TENSORS; i++) {
        const struct checkpoint_tensor *row = &table[i];
        if (check_state(weights, row, error) != 0)
            return error_prefix(error, "%s", name);
        const struct safetensors_tensor *from = safetensors_find(weights, row->name);
        memcpy(safetensors_find(&checkpoint->file, row->name)->data, from->data,
               from->values * (row->kind == TENSOR_COUNTER ? sizeof(int64_t) : sizeof(float)));
    }
    if (weights->tensor_count != CHECKPOINT_TENSORS)
        return error_set(error, "%s: has %zu tensors, expected the %d of the network's state", name,
                         weights->tensor_count, CHECKPOINT_TENSORS);
    return 0;
}

int checkpoint_read(struct checkpoint *checkpoint, FILE *stream, const char *name, struct error *error)
{
    *checkpoint = (struct checkpoint){0};
    if (safetensors_read(&checkpoint->file, stream, name, error) != 0)
        return -1;
    if (get_metadata(checkpoint, error) == 0 && check_tensors(checkpoint, error) == 0)
        return 0;
    checkpoint_release(checkpoint);
    return error_prefix(error, "%s", name);
}

int checkpoint_write(const struct checkpoint *checkpoint, FILE *stream, struct error *error)
{
    return safetensors_write(&checkpoint->file, stream, error);
}

/* The one engine of all epochs up to this one, or "mixed". */
static const char *engine_so_far(const struct checkpoint *checkpoint, const char *engine)
{
    const char *last = safetensors_text(&checkpoint->file, "engine");
    return checkpoint->epoch == 0 || (last != NULL && strcmp(last, engine) == 0) ? engine : "mixed";
}

int checkpoint_finish_epoch(struct checkpoint *checkpoint, const struct epoch_options *options,
                            const struct epoch_metrics *metrics, struct error *error)
{
    struct safetensors *file = &checkpoint->file;
    const char *engine = engine_so_far(checkpoint, options->engine);
    safetensors_remove(file, step_loss_name);
    safetensors_remove(file, "val_loss");
    safetensors_remove(file, "val_acc");
    struct safetensors_tensor *losses =
        safetensors_add(file, step_loss_name, SAFETENSORS_F32, 1, &metrics->steps, error);
    if (losses == NULL)
        return -1;
    memcpy(losses->data, metrics->step_loss, (size_t)metrics->steps * sizeof *metrics->step_loss);
    checkpoint->epoch++;
    if (set_integer(checkpoint, "epoch", checkpoint->epoch, error) != 0 ||
        set_integer(checkpoint, "batch_size", options->batch_size, error) != 0 ||
        set_real(checkpoint, "learning_rate", options->learning_rate, error) != 0 ||
        safetensors_set_text(file, "engine", engine, error) != 0 ||
        set_real(checkpoint, "train_loss", metrics->train_loss, error) != 0 ||
        set_real(checkpoint, "train_acc", metrics->train_acc, error) != 0)
        return -1;
    if (metrics->val_clips == 0)
        return 0;
    return set_real(checkpoint, "val_loss", metrics->val_loss, error) != 0 ||
                   set_real(checkpoint, "val_acc", metrics->val_acc, error) != 0 ? -1 : 0;
}
