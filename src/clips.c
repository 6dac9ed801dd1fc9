#include "clips.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the files are little-endian and are used as they are");
_Static_assert(sizeof(struct clip_head) == CLIP_KEY_BYTES + 8, "a record has no padding");

enum {
    PREFIX_BYTES = 10,      /* magic, version, two bytes of header length */
    HEADER_BYTES_MAX = 4096,
    ALIGNMENT = 64,
    SIZE_MAX_DIMENSION = 1 << 28
};

static const char magic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};

size_t clip_shape_values(const struct clip_shape *shape)
{
    size_t values = 1;
    for (int i = 0; i < shape->rank; i++)
        values *= (size_t)shape->sizes[i];
    return values;
}

int clip_shape_equal(const struct clip_shape *a, const struct clip_shape *b)
{
    return a->rank == b->rank && memcmp(a->sizes, b->sizes, (size_t)a->rank * sizeof a->sizes[0]) == 0;
}

const char *clip_shape_text(const struct clip_shape *shape, char text[CLIP_SHAPE_TEXT_BYTES])
{
    size_t length = 0;
    text[0] = '\0';
    for (int i = 0; i < shape->rank; i++)
        length += (size_t)snprintf(text + length, CLIP_SHAPE_TEXT_BYTES - length, "%s%d", i > 0 ? "x" : "",
                                   shape->sizes[i]);
    return text;
}

/* 1 to CLIP_KEY_BYTES - 1 bytes without a control character, then only zero bytes. */
static int key_is_good(const char key[CLIP_KEY_BYTES])
{
    size_t length = 0;
    while (length < CLIP_KEY_BYTES && (unsigned char)key[length] >= ' ' && key[length] != 0x7f)
        length++;
    size_t end = length;
    while (end < CLIP_KEY_BYTES && key[end] == '\0')
        end++;
    return length > 0 && length < CLIP_KEY_BYTES && end == CLIP_KEY_BYTES;
}

int clip_head_set(struct clip_head *head, const char *key, int fold, int label, struct error *error)
{
    size_t length = strlen(key);
    if (length == 0 || length >= CLIP_KEY_BYTES)
        return error_set(error, "the key '%s' has %zu bytes, expected 1 to %d", key, length, CLIP_KEY_BYTES - 1);
    memset(head, 0, sizeof *head);
    memcpy(head->key, key, length);
    if (!key_is_good(head->key))
        return error_set(error, "the key '%s' holds a control character", key);
    head->fold = fold;
    head->label = label;
    return 0;
}

/* --- The header: a Python dictionary of exactly three entries, as numpy.save writes it. --- */

int clips_write_header(FILE *stream, const struct clip_shape *shape, size_t count, struct error *error)
{
    char text[HEADER_BYTES_MAX];
    int length = snprintf(text, sizeof text, "{'descr': [('key', '|S%d'), ('fold', '<i4'), ('label', '<i4'), ('x', "
                          "'<f4', (", CLIP_KEY_BYTES);
    for (int i = 0; i < shape->rank; i++)
        length += snprintf(text + length, sizeof text - (size_t)length, i > 0 ? ", %d" : "%d", shape->sizes[i]);
    length += snprintf(text + length, sizeof text - (size_t)length,
                       "%s))], 'fortran_order': False, 'shape': (%zu,), }", shape->rank == 1 ? "," : "", count);
    while ((PREFIX_BYTES + length + 1) % ALIGNMENT != 0)
        text[length++] = ' ';
    text[length++] = '\n';
    unsigned char prefix[PREFIX_BYTES] = {0};
    memcpy(prefix, magic, sizeof magic);
    prefix[6] = 1;
    prefix[8] = (unsigned char)(length & 0xff);
    prefix[9] = (unsigned char)(length >> 8);
    if (fwrite(prefix, sizeof prefix, 1, stream) != 1 || fwrite(text, (size_t)length, 1, stream) != 1)
        return error_set_errno(error, "cannot write the header");
    return 0;
}

int clips_write(FILE *stream, const struct clip_shape *shape, const struct clip_head *head, const float *x,
                struct error *error)
{
    if (fwrite(head, sizeof *head, 1, stream) != 1 ||
        fwrite(x, sizeof *x, clip_shape_values(shape), stream) != clip_shape_values(shape))
        return error_set_errno(error, "cannot write clip '%.*s'", CLIP_KEY_BYTES, head->key);
    return 0;
}

/* Steps over white space and then over `word`; *at is moved only if the word is there. */
static int take(const char **at, const char *word)
{
    const char *from = *at + strspn(*at, " \n");
    if (strncmp(from, word, strlen(word)) != 0)
        return 0;
    *at = from + strlen(word);
    return 1;
}

/* Reads a tuple of whole numbers: "(1, 128, 201)", "(80,)" or "80". Returns how many, or -1. */
static int take_sizes(const char **at, int64_t *sizes, int most)
{
    int count = 0, tuple = take(at, "(");
    while (!take(at, ")")) {
        *at += strspn(*at, " \n");
        size_t digits = strspn(*at, "0123456789");
        if (digits == 0 || digits > 18 || count == most)
            return -1;
        sizes[count++] = strtoll(*at, NULL, 10);
        *at += digits;
        if (!tuple)
            return count;
        if (!take(at, ",") && (*at)[strspn(*at, " \n")] != ')')
            return -1;
    }
    return count;
}

static int take_record_type(const char **at, struct clip_shape *shape)
{
    char key[40];
    int64_t sizes[CLIP_RANK_MAX];
    snprintf(key, sizeof key, "('key', '|S%d'),", CLIP_KEY_BYTES);
    if (!take(at, "[") || !take(at, key) || !take(at, "('fold', '<i4'),") || !take(at, "('label', '<i4'),") ||
        !take(at, "('x', '<f4',"))
        return -1;
    shape->rank = take_sizes(at, sizes, CLIP_RANK_MAX);
    if (shape->rank < 1 || !take(at, ")") || !take(at, "]"))
        return -1;
    int64_t values = 1;
    for (int i = 0; i < shape->rank; i++) {
        if (sizes[i] < 1 || sizes[i] > SIZE_MAX_DIMENSION || (values *= sizes[i]) > SIZE_MAX_DIMENSION)
            return -1;
        shape->sizes[i] = (int)sizes[i];
    }
    return 0;
}

static int parse_header(const char *text, struct clip_shape *shape, size_t *count)
{
    int64_t records = -1;
    int types = 0, orders = 0, shapes = 0;
    if (!take(&text, "{"))
        return -1;
    while (!take(&text, "}")) {
        if (take(&text, "'descr':"))
            types += take_record_type(&text, shape) == 0;
        else if (take(&text, "'fortran_order':"))
            orders += take(&text, "False");
        else if (take(&text, "'shape':"))
            shapes += take_sizes(&text, &records, 1) == 1;
        else
            return -1;
        if (!take(&text, ",") && text[strspn(text, " \n")] != '}')
            return -1;
    }
    *count = (size_t)records;
    return types == 1 && orders == 1 && shapes == 1 && text[strspn(text, " \n")] == '\0' ? 0 : -1;
}

/* Reads the header from a stream; *bytes is how long it was. */
static int read_header(FILE *stream, const char *name, struct clip_shape *shape, size_t *count, size_t *bytes,
                       struct error *error)
{
    unsigned char prefix[PREFIX_BYTES + 2];
    char text[HEADER_BYTES_MAX + 1];
    size_t got = fread(prefix, 1, PREFIX_BYTES, stream);
    if (got == 0 && !ferror(stream))
        return error_set(error, "%s: is empty, expected clips in .npy format", name);
    if (got < PREFIX_BYTES || memcmp(prefix, magic, sizeof magic) != 0)
        return error_set(error, "%s: is not a .npy file", name);
    size_t length = (size_t)prefix[8] | (size_t)prefix[9] << 8, prefix_bytes = PREFIX_BYTES;
    if (prefix[6] < 1 || prefix[6] > 3)
        return error_set(error, "%s: has .npy version %d, expected 1 to 3", name, prefix[6]);
    if (prefix[6] > 1) {
        if (fread(prefix + PREFIX_BYTES, 1, 2, stream) != 2)
            return error_set(error, "%s: ends within its header", name);
        length |= (size_t)prefix[10] << 16 | (size_t)prefix[11] << 24;
        prefix_bytes += 2;
    }
    if (length > HEADER_BYTES_MAX)
        return error_set(error, "%s: has a header of %zu bytes, expected at most %d", name, length, HEADER_BYTES_MAX);
    if (fread(text, 1, length, stream) != length)
        return error_set(error, "%s: ends within its header", name);
    text[length] = '\0';
    if (strlen(text) != length || parse_header(text, shape, count) != 0)
        return error_set(error, "%s: holds another kind of array, expected records of key S%d, fold i4, label i4, x f4",
                         name, CLIP_KEY_BYTES);
    if (*count > SIZE_MAX / 2 / (sizeof(struct clip_head) + clip_shape_values(shape) * sizeof(float)))
        return error_set(error, "%s: claims %zu clips, more than fit in memory", name, *count);
    *bytes = prefix_bytes + length;
    return 0;
}

/* Whether all are finite: in blocks without a branch, which become vectors, since every clip of every step's data is
 * looked at before the first step. */
static int all_finite(const float *x, size_t count)
{
    enum { BLOCK = 16 };
    const uint32_t exponent = UINT32_C(0x7f800000); /* all ones: infinite, or not a number */
    uint32_t bad[BLOCK] = {0}, bits[BLOCK], any = 0;
    for (; count >= BLOCK; count -= BLOCK, x += BLOCK) {
        memcpy(bits, x, sizeof bits);
        for (int i = 0; i < BLOCK; i++)
            bad[i] |= (bits[i] & exponent) == exponent;
    }
    for (int i = 0; i < BLOCK; i++)
        any |= bad[i];
    for (size_t i = 0; i < count; i++)
        any |= !isfinite(x[i]);
    return !any;
}

static int check_record(const char *name, size_t index, const struct clip_head *head, const float *x, size_t values,
                        struct error *error)
{
    if (!key_is_good(head->key))
        return error_set(error, "%s: record %zu has a bad key, expected 1 to %d bytes without control characters", name,
                         index + 1, CLIP_KEY_BYTES - 1);
    if (all_finite(x, values))
        return 0;
    size_t i = 0;
    while (isfinite(x[i]))
        i++;
    return error_set(error, "%s: clip '%s' holds %g at position %zu, expected finite numbers", name, head->key,
                     (double)x[i], i);
}

/* --- Streams --- */

int clips_stream_open(struct clips_stream *clips, FILE *stream, const char *name, struct error *error)
{
    size_t bytes;
    *clips = (struct clips_stream){.stream = stream, .name = name};
    return read_header(stream, name, &clips->shape, &clips->count, &bytes, error);
}

int clips_stream_next(struct clips_stream *clips, struct clip_head *head, float *x, struct error *error)
{
    size_t values = clip_shape_values(&clips->shape);
    if (clips->read == clips->count) {
        if (fgetc(clips->stream) != EOF)
            return error_set(error, "%s: goes on after its %zu clips", clips->name, clips->count);
        return ferror(clips->stream) ? error_set_errno(error, "%s: cannot be read", clips->name) : 0;
    }
    if (fread(head, sizeof *head, 1, clips->stream) != 1 || fread(x, sizeof *x, values, clips->stream) != values) {
        if (ferror(clips->stream))
            return error_set_errno(error, "%s: cannot be read", clips->name);
        return error_set(error, "%s: ends within clip %zu of %zu", clips->name, clips->read + 1, clips->count);
    }
    if (check_record(clips->name, clips->read, head, x, values, error) != 0)
        return -1;
    clips->read++;
    return 1;
}

/* --- Files --- */

static int map_file(struct clips_file *file, FILE *stream, const char *path, struct error *error)
{
    struct stat status;
    size_t header_bytes;
    if (fstat(fileno(stream), &status) != 0)
        return error_set_errno(error, "cannot read '%s'", path);
    if (!S_ISREG(status.st_mode))
        return error_set(error, "'%s' is not a file", path);
    if (read_header(stream, path, &file->shape, &file->count, &header_bytes, error) != 0)
        return -1;
    file->record_bytes = sizeof(struct clip_head) + clip_shape_values(&file->shape) * sizeof(float);
    file->map_bytes = header_bytes + file->count * file->record_bytes;
    if (header_bytes % sizeof(float) != 0)
        return error_set(error, "%s: has a header of %zu bytes, expected a multiple of 4", path, header_bytes);
    if ((uintmax_t)status.st_size != file->map_bytes)
        return error_set(error, "%s: has %ju bytes, but its header promises %zu clips in %zu bytes", path,
                         (uintmax_t)status.st_size, file->count, file->map_bytes);
    file->map = mmap(NULL, file->map_bytes, PROT_READ, MAP_PRIVATE, fileno(stream), 0);
    if (file->map == MAP_FAILED) {
        file->map = NULL;
        return error_set_errno(error, "cannot map '%s'", path);
    }
    file->records = (const unsigned char *)file->map + header_bytes;
    return 0;
}

int clips_file_open(struct clips_file *file, const char *path, struct error *error)
{
    *file = (struct clips_file){0};
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return error_set_errno(error, "cannot open '%s'", path);
    int result = map_file(file, stream, path, error);
    fclose(stream);
    return result;
}

void clips_file_release(struct clips_file *file)
{
    if (file->map != NULL)
        munmap(file->map, file->map_bytes);
    *file = (struct clips_file){0};
}

int clips_file_check(const struct clips_file *file, const char *name, struct error *error)
{
    size_t values = clip_shape_values(&file->shape);
    for (size_t index = 0; index < file->count; index++) {
        struct clip_head head = clips_file_head(file, index);
        if (check_record(name, index, &head, clips_file_x(file, index), values, error) != 0)
            return -1;
    }
    return 0;
}

struct clip_head clips_file_head(const struct clips_file *file, size_t index)
{
    struct clip_head head;
    memcpy(&head, file->records + index * file->record_bytes, sizeof head);
    return head;
}

const float *clips_file_x(const struct clips_file *file, size_t index)
{
    return (const float *)(const void *)(file->records + index * file->record_bytes + sizeof(struct clip_head));
}
