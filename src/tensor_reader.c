#include "tensor_reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const int npy_first_byte = 0x93;

int tensor_reader_open(struct tensor_reader *reader, FILE *stream, const char *name, struct error *error)
{
    *reader = (struct tensor_reader){0};
    int first = fgetc(stream);
    if (first == EOF)
        return ferror(stream) ? error_set_errno(error, "%s: cannot be read", name)
                              : error_set(error, "%s: is empty, expected clips or tensors", name);
    ungetc(first, stream);
    reader->is_clips = first == npy_first_byte;
    if (!reader->is_clips)
        return safetensors_read(&reader->file, stream, name, error);
    if (clips_stream_open(&reader->stream, stream, name, error) != 0)
        return -1;
    size_t values = clip_shape_values(&reader->stream.shape);
    reader->x = malloc(values * sizeof *reader->x);
    return reader->x != NULL ? 0 : error_set(error, "%s: no memory for a clip of %zu values", name, values);
}

struct tensor_item tensor_item_of(const struct safetensors_tensor *tensor)
{
    struct tensor_item item = {.name = tensor->name, .type = tensor->type, .rank = tensor->rank,
                               .values = tensor->values, .data = tensor->data};
    memcpy(item.sizes, tensor->sizes, sizeof item.sizes);
    return item;
}

static int next_clip(struct tensor_reader *reader, struct tensor_item *item, struct error *error)
{
    const struct clip_shape *shape = &reader->stream.shape;
    int status = clips_stream_next(&reader->stream, &reader->head, reader->x, error);
    if (status != 1)
        return status;
    *item = (struct tensor_item){.name = reader->head.key, .type = SAFETENSORS_F32, .rank = shape->rank,
                                 .values = clip_shape_values(shape), .data = reader->x, .fold = reader->head.fold,
                                 .label = reader->head.label};
    for (int i = 0; i < shape->rank; i++)
        item->sizes[i] = shape->sizes[i];
    return 1;
}

int tensor_reader_next(struct tensor_reader *reader, struct tensor_item *item, struct error *error)
{
    if (reader->is_clips)
        return next_clip(reader, item, error);
    if (reader->next == reader->file.tensor_count)
        return 0;
    *item = tensor_item_of(&reader->file.tensors[reader->next++]);
    return 1;
}

void tensor_reader_release(struct tensor_reader *reader)
{
    free(reader->x);
    safetensors_release(&reader->file);
    *reader = (struct tensor_reader){0};
}

const char *tensor_type_name(enum safetensors_type type)
{
    return type == SAFETENSORS_F32 ? "F32" : "I64";
}

const char *tensor_shape_text(const struct tensor_item *item, char text[TENSOR_SHAPE_TEXT_BYTES])
{
    size_t length = 0;
    strcpy(text, "scalar");
    for (int i = 0; i < item->rank; i++)
        length += (size_t)snprintf(text + length, TENSOR_SHAPE_TEXT_BYTES - length, "%s%" PRId64, i > 0 ? "x" : "",
                                   item->sizes[i]);
    return text;
}

void tensor_write_text(FILE *stream, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < ' ' || byte == 0x7f || byte == '\\')
            fprintf(stream, "\\x%02x", byte);
        else
            fputc(byte, stream);
    }
}
