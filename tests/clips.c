/* clips.h: what is written is read back, as a stream and as a mapped file; every truncation and every changed byte is
 * refused or harmless (run this with the address sanitizer). The bytes themselves are checked by tests/tensor_tools.py,
 * where numpy writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clips.h"

enum { CLIPS = 3, VALUES = 6, RECORD_BYTES = 128 + 4 * VALUES };
static const struct clip_shape shape = {2, {2, 3}};

static const float samples[CLIPS][VALUES] = {
    {0, -0.0f, 1, -1, 0.5f, 1e-45f}, {3.4e38f, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}};

/* The caller frees the bytes. */
static unsigned char *write_clips(size_t *length)
{
    char *bytes = NULL;
    struct error error;
    struct clip_head head;
    FILE *stream = open_memstream(&bytes, length);
    assert_int_equal(clips_write_header(stream, &shape, CLIPS, &error), 0);
    for (int i = 0; i < CLIPS; i++) {
        char key[] = {'k', (char)('0' + i), '\0'};
        assert_int_equal(clip_head_set(&head, key, i + 1, i - 1, &error), 0);
        assert_int_equal(clips_write(stream, &shape, &head, samples[i], &error), 0);
    }
    fclose(stream);
    return (unsigned char *)bytes;
}

/* Reads everything; returns the number of clips or -1. `x` has the room that the file asks for. */
static int read_stream(const unsigned char *bytes, size_t length, struct error *error)
{
    struct clips_stream clips;
    struct clip_head head;
    FILE *stream = tmpfile();
    assert_int_equal(fwrite(bytes, 1, length, stream), length);
    rewind(stream);
    int status = clips_stream_open(&clips, stream, "clips", error), count = 0;
    if (status == 0) {
        float *x = malloc(clip_shape_values(&clips.shape) * sizeof *x);
        while ((status = clips_stream_next(&clips, &head, x, error)) == 1)
            count++;
        free(x);
    }
    fclose(stream);
    return status == 0 ? count : -1;
}

static int read_mapped(const unsigned char *bytes, size_t length, struct error *error)
{
    char path[] = "/tmp/bitfast-test-XXXXXX";
    struct clips_file file;
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes, length), length);
    close(descriptor);
    int status = clips_file_open(&file, path, error), count = 0;
    if (status == 0) {
        status = clips_file_check(&file, "clips", error);
        count = (int)file.count;
        clips_file_release(&file);
    }
    unlink(path);
    return status == 0 ? count : -1;
}

static void reads_back(void **state)
{
    (void)state;
    size_t length;
    unsigned char *bytes = write_clips(&length);
    struct error error;
    struct clips_stream clips;
    struct clip_head head;
    float x[VALUES];
    assert_int_equal((length - CLIPS * RECORD_BYTES) % 64, 0);
    FILE *stream = fmemopen(bytes, length, "r");
    assert_int_equal(clips_stream_open(&clips, stream, "clips", &error), 0);
    assert_int_equal(clips.count, CLIPS);
    assert_true(clip_shape_equal(&clips.shape, &shape));
    for (int i = 0; i < CLIPS; i++) {
        assert_int_equal(clips_stream_next(&clips, &head, x, &error), 1);
        assert_int_equal(head.key[1], '0' + i);
        assert_int_equal(head.fold, i + 1);
        assert_int_equal(head.label, i - 1);
        assert_memory_equal(x, samples[i], sizeof x);
    }
    assert_int_equal(clips_stream_next(&clips, &head, x, &error), 0);
    fclose(stream);
    assert_int_equal(read_mapped(bytes, length, &error), CLIPS);
    free(bytes);
}

static void refuses_truncations(void **state)
{
    (void)state;
    size_t length;
    unsigned char *bytes = write_clips(&length);
    struct error error;
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(read_stream(bytes, cut, &error), -1);
        assert_int_equal(read_mapped(bytes, cut, &error), -1);
    }
    bytes = realloc(bytes, length + 1);
    bytes[length] = 0;
    assert_int_equal(read_stream(bytes, length + 1, &error), -1);
    assert_int_equal(read_mapped(bytes, length + 1, &error), -1);
    free(bytes);
}

/* Both readers accept the same files. */
static void survives_changed_headers(void **state)
{
    (void)state;
    static const unsigned char values[] = {0, 1, '\n', ' ', '\'', '(', ')', ',', '-', '0', '1', '9', 0x7f, 0x80, 0xff};
    size_t length;
    unsigned char *bytes = write_clips(&length);
    struct error stream_error, mapped_error;
    for (size_t at = 0; at < length - CLIPS * RECORD_BYTES; at++) {
        unsigned char before = bytes[at];
        for (size_t i = 0; i < sizeof values; i++) {
            bytes[at] = values[i];
            assert_int_equal(read_stream(bytes, length, &stream_error), read_mapped(bytes, length, &mapped_error));
        }
        bytes[at] = before;
    }
    free(bytes);
}

static void refuses_bad_records(void **state)
{
    (void)state;
    static const uint32_t not_finite[] = {0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffffffff};
    size_t length;
    unsigned char *bytes = write_clips(&length), *second = bytes + length - 2 * RECORD_BYTES;
    struct error error;
    for (size_t i = 0; i < sizeof not_finite / sizeof not_finite[0]; i++) {
        unsigned char *value = second + 128 + 4 * (VALUES - 1);
        uint32_t before;
        memcpy(&before, value, 4);
        memcpy(value, &not_finite[i], 4);
        assert_int_equal(read_mapped(bytes, length, &error), -1);
        assert_int_equal(read_stream(bytes, length, &error), -1);
        assert_non_null(strstr(error.message, "clips: clip 'k1' holds"));
        assert_non_null(strstr(error.message, "at position 5"));
        memcpy(value, &before, 4);
    }
    second[0] = '\0';
    assert_int_equal(read_stream(bytes, length, &error), -1);
    assert_non_null(strstr(error.message, "record 2 has a bad key"));
    second[0] = '\n';
    assert_int_equal(read_stream(bytes, length, &error), -1);
    memset(second, 'x', CLIP_KEY_BYTES - 1);
    assert_int_equal(read_stream(bytes, length, &error), CLIPS);
    second[CLIP_KEY_BYTES - 1] = 'x';
    assert_int_equal(read_stream(bytes, length, &error), -1);
    second[CLIP_KEY_BYTES - 1] = second[1] = '\0';
    assert_int_equal(read_stream(bytes, length, &error), -1);
    free(bytes);
}

/* Each position of a clip in turn, since most values are checked in blocks: the one that is not finite is named. */
static void finds_every_bad_value(void **state)
{
    (void)state;
    enum { ROWS = 5, COLUMNS = 11 };
    const struct clip_shape large = {2, {ROWS, COLUMNS}};
    const uint32_t not_finite[] = {0x7f800000, 0xff800000, 0x7fc00000, 0xff800001};
    struct error error;
    struct clip_head head;
    assert_int_equal(clip_head_set(&head, "k", 1, 0, &error), 0);
    for (size_t bad = 0; bad <= ROWS * COLUMNS; bad++) {
        float x[ROWS * COLUMNS + 1] = {3.4e38f, -3.4e38f}; /* in the last turn nothing is wrong */
        char expected[32], *bytes = NULL;
        size_t length;
        memcpy(&x[bad], &not_finite[bad % 4], sizeof x[0]);
        FILE *stream = open_memstream(&bytes, &length);
        assert_int_equal(clips_write_header(stream, &large, 1, &error), 0);
        assert_int_equal(clips_write(stream, &large, &head, x, &error), 0);
        fclose(stream);
        snprintf(expected, sizeof expected, "at position %zu,", bad);
        assert_int_equal(read_stream((unsigned char *)bytes, length, &error), bad < ROWS * COLUMNS ? -1 : 1);
        assert_true(bad == ROWS * COLUMNS || strstr(error.message, expected) != NULL);
        assert_int_equal(read_mapped((unsigned char *)bytes, length, &error), bad < ROWS * COLUMNS ? -1 : 1);
        free(bytes);
    }
}

static void checks_keys(void **state)
{
    (void)state;
    char key[CLIP_KEY_BYTES + 1];
    struct clip_head head;
    struct error error;
    memset(key, 'k', sizeof key);
    key[CLIP_KEY_BYTES - 1] = '\0';
    assert_int_equal(clip_head_set(&head, key, 1, 0, &error), 0);
    key[CLIP_KEY_BYTES - 1] = 'k';
    key[CLIP_KEY_BYTES] = '\0';
    assert_int_equal(clip_head_set(&head, key, 1, 0, &error), -1);
    assert_int_equal(clip_head_set(&head, "", 1, 0, &error), -1);
    assert_int_equal(clip_head_set(&head, "tab\there", 1, 0, &error), -1);
}

static void describes_shapes(void **state)
{
    (void)state;
    char text[CLIP_SHAPE_TEXT_BYTES];
    const struct clip_shape spectrogram = {3, {1, 128, 201}}, largest = {3, {268435456, 268435456, 268435456}};
    assert_string_equal(clip_shape_text(&spectrogram, text), "1x128x201");
    assert_string_equal(clip_shape_text(&largest, text), "268435456x268435456x268435456");
    assert_int_equal(clip_shape_values(&spectrogram), 25728);
    assert_false(clip_shape_equal(&spectrogram, &shape));
}

static void refuses_what_is_no_file(void **state)
{
    (void)state;
    struct clips_file file;
    struct error error;
    assert_int_equal(clips_file_open(&file, "/nonexistent", &error), -1);
    assert_string_equal(error.message, "cannot open '/nonexistent': No such file or directory");
    assert_int_equal(clips_file_open(&file, "/", &error), -1);
    assert_int_equal(clips_file_open(&file, "/dev/zero", &error), -1);
    assert_string_equal(error.message, "'/dev/zero' is not a file");
    clips_file_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back),       cmocka_unit_test(refuses_truncations),
        cmocka_unit_test(survives_changed_headers), cmocka_unit_test(refuses_bad_records),
        cmocka_unit_test(finds_every_bad_value),
        cmocka_unit_test(checks_keys),      cmocka_unit_test(describes_shapes),
        cmocka_unit_test(refuses_what_is_no_file),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
