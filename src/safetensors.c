#include "safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the files are little-endian and are used as they are");

enum { HEADER_BYTES_MAX = 16 << 20, ALIGNMENT = 8, NAMES_MAX = 10000 };
static const int64_t values_max = INT64_C(1) << 31;
static const char metadata_name[] = "__metadata__";

struct type_row {
    const char *name;
    size_t bytes;
};

static const struct type_row types[] = {
    [SAFETENSORS_F32] = {"F32", sizeof(float)},
    [SAFETENSORS_I64] = {"I64", sizeof(int64_t)},
};

void safetensors_release(struct safetensors *file)
{
    for (size_t i = 0; i < file->tensor_count; i++) {
        free(file->tensors[i].name);
        free(file->tensors[i].data);
    }
    for (size_t i = 0; i < file->text_count; i++) {
        free(file->texts[i].name);
        free(file->texts[i].value);
    }
    free(file->tensors);
    free(file->texts);
    *file = (struct safetensors){0};
}

const struct safetensors_tensor *safetensors_find(const struct safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->tensor_count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

const char *safetensors_text(const struct safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->text_count; i++)
        if (strcmp(file->texts[i].name, name) == 0)
            return file->texts[i].value;
    return NULL;
}

struct safetensors_tensor *safetensors_add(struct safetensors *file, const char *name, enum safetensors_type type,
                                           int rank, const int64_t *sizes, struct error *error)
{
    if (safetensors_find(file, name) != NULL || strcmp(name, metadata_name) == 0) {
        error_set(error, "the tensor '%s' is there twice", name);
        return NULL;
    }
    struct safetensors_tensor tensor = {.type = type, .rank = rank, .values = 1};
    for (int i = 0; i < rank; i++) {
        tensor.sizes[i] = sizes[i];
        tensor.values *= (size_t)sizes[i];
    }
    struct safetensors_tensor *grown = realloc(file->tensors, (file->tensor_count + 1) * sizeof *grown);
    if (grown != NULL)
        file->tensors = grown;
    tensor.name = strdup(name);
    tensor.data = calloc(tensor.values > 0 ? tensor.values : 1, types[type].bytes);
    if (grown == NULL || tensor.name == NULL || tensor.data == NULL) {
        free(tensor.name);
        free(tensor.data);
        error_set(error, "no memory for the tensor '%s'", name);
        return NULL;
    }
    file->tensors[file->tensor_count] = tensor;
    return &file->tensors[file->tensor_count++];
}

int safetensors_set_text(struct safetensors *file, const char *name, const char *value, struct error *error)
{
    char *copy = strdup(value);
    if (copy == NULL)
        return error_set(error, "no memory for '%s'", name);
    for (size_t i = 0; i < file->text_count; i++) {
        if (strcmp(file->texts[i].name, name) == 0) {
            free(file->texts[i].value);
            file->texts[i].value = copy;
            return 0;
        }
    }
    struct safetensors_text *grown = realloc(file->texts, (file->text_count + 1) * sizeof *grown);
    char *name_copy = strdup(name);
    if (grown != NULL)
        file->texts = grown;
    if (grown == NULL || name_copy == NULL) {
        free(copy);
        free(name_copy);
        return error_set(error, "no memory for '%s'", name);
    }
    file->texts[file->text_count++] = (struct safetensors_text){name_copy, copy};
    return 0;
}

void safetensors_remove(struct safetensors *file, const char *name)
{
    const struct safetensors_tensor *tensor = safetensors_find(file, name);
    if (tensor != NULL) {
        size_t at = (size_t)(tensor - file->tensors);
        free(file->tensors[at].name);
        free(file->tensors[at].data);
        file->tensor_count--;
        memmove(&file->tensors[at], &file->tensors[at + 1], (file->tensor_count - at) * sizeof file->tensors[0]);
    }
    for (size_t at = 0; at < file->text_count; at++) {
        if (strcmp(file->texts[at].name, name) != 0)
            continue;
        free(file->texts[at].name);
        free(file->texts[at].value);
        file->text_count--;
        memmove(&file->texts[at], &file->texts[at + 1], (file->text_count - at) * sizeof file->texts[0]);
        break;
    }
}

/* --- Writing --- */

static json_t *describe_tensor(const struct safetensors_tensor *tensor, size_t offset)
{
    json_t *shape = json_array();
    for (int i = 0; i < tensor->rank; i++)
        json_array_append_new(shape, json_integer(tensor->sizes[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", types[tensor->type].name, "shape", shape, "data_offsets",
                     (json_int_t)offset, (json_int_t)(offset + tensor->values * types[tensor->type].bytes));
}

static char *make_header(const struct safetensors *file)
{
    json_t *root = json_object(), *texts = json_object();
    size_t offset = 0;
    int failed = 0;
    for (size_t i = 0; i < file->text_count; i++)
        failed |= json_object_set_new(texts, file->texts[i].name, json_string(file->texts[i].value));
    failed |= json_object_set(root, metadata_name, texts);
    for (size_t i = 0; i < file->tensor_count; i++) {
        failed |= json_object_set_new(root, file->tensors[i].name, describe_tensor(&file->tensors[i], offset));
        offset += file->tensors[i].values * types[file->tensors[i].type].bytes;
    }
    char *header = failed ? NULL : json_dumps(root, JSON_COMPACT);
    json_decref(texts);
    json_decref(root);
    return header;
}

int safetensors_write(const struct safetensors *file, FILE *stream, struct error *error)
{
    char *header = make_header(file);
    if (header == NULL)
        return error_set(error, "cannot make the header: a name or text is not UTF-8, or there is no memory");
    size_t length = strlen(header);
    uint64_t padded = (length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    int failed = fwrite(&padded, sizeof padded, 1, stream) != 1 || fwrite(header, length, 1, stream) != 1;
    for (; length < padded; length++)
        failed |= fputc(' ', stream) == EOF;
    free(header);
    for (size_t i = 0; i < file->tensor_count && !failed; i++) {
        const struct safetensors_tensor *tensor = &file->tensors[i];
        failed |= fwrite(tensor->data, types[tensor->type].bytes, tensor->values, stream) != tensor->values;
    }
    return failed ? error_set_errno(error, "cannot write the tensors") : 0;
}

/* --- Reading --- */

/* Names are printed in tables and messages. */
static int check_name(const char *name, struct error *error)
{
    for (const char *at = name; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return error_set(error, "the name '%s' holds a control character", name);
    return name[0] != '\0' ? 0 : error_set(error, "a tensor or text has no name");
}

static int read_texts(struct safetensors *file, json_t *texts, struct error *error)
{
    const char *name;
    json_t *value;
    if (json_object_size(texts) > NAMES_MAX)
        return error_set(error, "holds %zu metadata, expected at most %d", json_object_size(texts), NAMES_MAX);
    json_object_foreach(texts, name, value)
    {
        if (check_name(name, error) != 0)
            return -1;
        if (!json_is_string(value))
            return error_set(error, "the metadata '%s' is not a text", name);
        if (safetensors_set_text(file, name, json_string_value(value), error) != 0)
            return -1;
    }
    return json_is_object(texts) ? 0 : error_set(error, "the metadata are not an object");
}

static int add_described(struct safetensors *file, const char *name, json_t *description, uint64_t *offset,
                         struct error *error)
{
    const char *type_name;
    json_t *shape;
    json_int_t begin, end, values = 1;
    int64_t sizes[SAFETENSORS_RANK_MAX];
    json_error_t ignored;
    if (check_name(name, error) != 0)
        return -1;
    if (json_unpack_ex(description, &ignored, JSON_STRICT, "{s:s, s:o, s:[I, I]}", "dtype", &type_name, "shape",
                       &shape, "data_offsets", &begin, &end) != 0 ||
        !json_is_array(shape))
        return error_set(error, "the tensor '%s' is described wrongly, expected dtype, shape and data_offsets", name);
    int is_f32 = strcmp(type_name, types[SAFETENSORS_F32].name) == 0;
    enum safetensors_type type = is_f32 ? SAFETENSORS_F32 : SAFETENSORS_I64;
    if (strcmp(type_name, types[type].name) != 0)
        return error_set(error, "the tensor '%s' has type %s, expected F32 or I64", name, type_name);
    size_t rank = json_array_size(shape);
    if (rank > SAFETENSORS_RANK_MAX)
        return error_set(error, "the tensor '%s' has %zu dimensions, expected at most %d", name, rank,
                         SAFETENSORS_RANK_MAX);
    for (size_t i = 0; i < rank; i++) {
        json_t *size = json_array_get(shape, i);
        sizes[i] = json_integer_value(size);
        if (!json_is_integer(size) || sizes[i] < 0 || sizes[i] > values_max || (values *= sizes[i]) > values_max)
            return error_set(error, "the tensor '%s' has an impossible shape", name);
    }
    if (begin < 0 || (uint64_t)begin != *offset || end < begin ||
        (uint64_t)(end - begin) != (uint64_t)values * types[type].bytes)
        return error_set(error, "the tensor '%s' has bytes %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
                         ", expected %" PRIu64 " to %" PRIu64, name, begin, end, *offset,
                         *offset + (uint64_t)values * types[type].bytes);
    *offset = (uint64_t)end;
    return safetensors_add(file, name, type, (int)rank, sizes, error) != NULL ? 0 : -1;
}

struct entry {
    const char *name;
    json_t *description;
    json_int_t begin, end;
    size_t index;
};

static int by_offset(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    if (left->begin != right->begin)
        return left->begin < right->begin ? -1 : 1;
    if (left->end != right->end) /* an empty tensor begins where the next one does */
        return left->end < right->end ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

/* Where the size is known, before memory is asked for: that of a file. */
static int check_size(FILE *stream, json_int_t data_bytes, struct error *error)
{
    struct stat status;
    off_t at = ftello(stream);
    if (at < 0 || fstat(fileno(stream), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size - at == data_bytes)
        return 0;
    return error_set(error, "has %jd bytes after its header, which promises %" JSON_INTEGER_FORMAT,
                     (intmax_t)(status.st_size - at), data_bytes);
}

/* Adds the tensors in the order of their data: a header may name them in any order, but leave no hole. */
static int read_entries(struct safetensors *file, json_t *root, FILE *stream, struct error *error)
{
    const char *name;
    json_t *value;
    size_t count = 0;
    uint64_t offset = 0;
    int status = 0;
    if (json_object_size(root) > NAMES_MAX) /* each name is compared with each */
        return error_set(error, "holds %zu tensors, expected at most %d", json_object_size(root), NAMES_MAX);
    struct entry *entries = calloc(json_object_size(root) + 1, sizeof *entries);
    if (entries == NULL)
        return error_set(error, "no memory for the header");
    json_object_foreach(root, name, value)
    {
        if (strcmp(name, metadata_name) == 0) {
            status |= read_texts(file, value, error);
            continue;
        }
        json_t *offsets = json_object_get(value, "data_offsets");
        entries[count] = (struct entry){name, value, json_integer_value(json_array_get(offsets, 0)),
                                        json_integer_value(json_array_get(offsets, 1)), count};
        count++;
    }
    qsort(entries, count, sizeof *entries, by_offset);
    if (status == 0 && count > 0)
        status = check_size(stream, entries[count - 1].end, error);
    for (size_t i = 0; i < count && status == 0; i++)
        status = add_described(file, entries[i].name, entries[i].description, &offset, error);
    free(entries);
    return status;
}

static int read_header(struct safetensors *file, FILE *stream, struct error *error)
{
    uint64_t length;
    size_t got = fread(&length, 1, sizeof length, stream);
    if (got == 0)
        return ferror(stream) ? error_set_errno(error, "cannot be read") : error_set(error, "is empty");
    if (got < sizeof length || length < 2 || length > HEADER_BYTES_MAX)
        return error_set(error, "is not a safetensors file");
    char *text = malloc(length);
    if (text == NULL)
        return error_set(error, "no memory for a header of %" PRIu64 " bytes", length);
    json_error_t json_error;
    json_t *root = NULL;
    got = fread(text, 1, length, stream);
    if (got > 0 && text[0] != '{')
        error_set(error, "is not a safetensors file");
    else if (got != length)
        error_set(error, "ends within its header");
    else if ((root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &json_error)) == NULL)
        error_set(error, "has a broken header: %s at byte %d", json_error.text, json_error.position);
    free(text);
    if (root == NULL)
        return -1;
    int status = json_is_object(root) ? read_entries(file, root, stream, error)
                                      : error_set(error, "is not a safetensors file");
    json_decref(root);
    return status;
}

static int read_all(struct safetensors *file, FILE *stream, struct error *error)
{
    if (read_header(file, stream, error) != 0)
        return -1;
    for (size_t i = 0; i < file->tensor_count; i++) {
        struct safetensors_tensor *tensor = &file->tensors[i];
        if (fread(tensor->data, types[tensor->type].bytes, tensor->values, stream) != tensor->values)
            return ferror(stream) ? error_set_errno(error, "cannot be read")
                                  : error_set(error, "ends within the tensor '%s'", tensor->name);
    }
    if (fgetc(stream) != EOF)
        return error_set(error, "goes on after its last tensor");
    return ferror(stream) ? error_set_errno(error, "cannot be read") : 0;
}

int safetensors_read(struct safetensors *file, FILE *stream, const char *name, struct error *error)
{
    *file = (struct safetensors){0};
    if (read_all(file, stream, error) == 0)
        return 0;
    safetensors_release(file);
    return error_prefix(error, "%s", name);
}
