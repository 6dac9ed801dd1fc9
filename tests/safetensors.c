/* safetensors.h: what is written is read back; every truncation and every changed byte of the header is refused or
 * harmless (run this with the address sanitizer). Bytes that others wrote are read in tests/tensor_tools.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "safetensors.h"

static void fill(struct safetensors *file)
{
    struct error error;
    const int64_t matrix[] = {2, 3}, none[] = {0};
    struct safetensors_tensor *tensor = safetensors_add(file, "conv1.weight", SAFETENSORS_F32, 2, matrix, &error);
    assert_non_null(tensor);
    for (int i = 0; i < 6; i++)
        ((float *)tensor->data)[i] = (float)i / 4;
    assert_non_null(safetensors_add(file, "empty", SAFETENSORS_F32, 1, none, &error));
    tensor = safetensors_add(file, "step", SAFETENSORS_I64, 0, NULL, &error);
    assert_non_null(tensor);
    *(int64_t *)tensor->data = INT64_MIN;
    assert_int_equal(safetensors_set_text(file, "epoch", "2", &error), 0);
    assert_int_equal(safetensors_set_text(file, "note", "a \"quoted\"\nline", &error), 0);
    assert_int_equal(safetensors_set_text(file, "epoch", "3", &error), 0);
}

/* The caller frees the bytes. */
static char *write_file(const struct safetensors *file, size_t *length)
{
    char *bytes = NULL;
    struct error error;
    FILE *stream = open_memstream(&bytes, length);
    assert_int_equal(safetensors_write(file, stream, &error), 0);
    fclose(stream);
    return bytes;
}

static int read_bytes(struct safetensors *file, const char *bytes, size_t length, struct error *error)
{
    FILE *stream = tmpfile();
    assert_int_equal(fwrite(bytes, 1, length, stream), length);
    rewind(stream);
    int status = safetensors_read(file, stream, "file", error);
    fclose(stream);
    return status;
}

static void reads_back(void **state)
{
    (void)state;
    struct safetensors first = {0}, second;
    struct error error;
    size_t length, again_length;
    fill(&first);
    char *bytes = write_file(&first, &length);
    assert_int_equal(read_bytes(&second, bytes, length, &error), 0);
    assert_int_equal(second.tensor_count, 3);
    assert_int_equal(second.text_count, 2);
    const struct safetensors_tensor *tensor = safetensors_find(&second, "conv1.weight");
    assert_non_null(tensor);
    assert_int_equal(tensor->rank, 2);
    assert_int_equal(tensor->sizes[1], 3);
    assert_true(((const float *)tensor->data)[5] == 1.25f);
    assert_true(*(const int64_t *)safetensors_find(&second, "step")->data == INT64_MIN);
    assert_int_equal(safetensors_find(&second, "empty")->values, 0);
    assert_null(safetensors_find(&second, "conv1"));
    assert_string_equal(safetensors_text(&second, "epoch"), "3");
    assert_string_equal(safetensors_text(&second, "note"), "a \"quoted\"\nline");
    assert_null(safetensors_text(&second, "seed"));
    char *again = write_file(&second, &again_length);
    assert_int_equal(length, again_length);
    assert_memory_equal(bytes, again, length);
    free(again);
    free(bytes);
    safetensors_release(&first);
    safetensors_release(&second);
}

static void writes_the_format(void **state)
{
    (void)state;
    static const char expected[] = "\x50\0\0\0\0\0\0\0{\"__metadata__\":{},\"weight\":{\"dtype\":\"F32\",\"shape\":[1],"
                                   "\"data_offsets\":[0,4]}}   \0\0\0\x3f";
    struct safetensors file = {0};
    struct error error;
    size_t length;
    const int64_t one[] = {1};
    *(float *)safetensors_add(&file, "weight", SAFETENSORS_F32, 1, one, &error)->data = 0.5f;
    char *bytes = write_file(&file, &length);
    assert_int_equal(length, sizeof expected - 1);
    assert_memory_equal(bytes, expected, length);
    free(bytes);
    safetensors_release(&file);
}

static void refuses_truncations(void **state)
{
    (void)state;
    struct safetensors file = {0};
    struct error error;
    size_t length;
    fill(&file);
    char *bytes = write_file(&file, &length);
    safetensors_release(&file);
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(read_bytes(&file, bytes, cut, &error), -1);
        assert_int_equal(strncmp(error.message, "file: ", 6), 0);
        assert_int_equal(file.tensor_count, 0);
        assert_null(file.tensors);
    }
    bytes = realloc(bytes, length + 1);
    bytes[length] = 0;
    assert_int_equal(read_bytes(&file, bytes, length + 1, &error), -1);
    free(bytes);
}

/* Whatever is still accepted can be written and is then read again. */
static void survives_changed_headers(void **state)
{
    (void)state;
    static const char values[] = {0, 1, '"', '\\', '{', '}', '[', ']', ',', ':', '-', '0', '9', ' ', 0x7f, (char)0xff};
    struct safetensors file = {0};
    struct error error;
    size_t length, accepted = 0;
    fill(&file);
    char *bytes = write_file(&file, &length);
    safetensors_release(&file);
    for (size_t at = 0; at < length - 6 * 4 - 8; at++) {
        char before = bytes[at];
        for (size_t i = 0; i < sizeof values; i++) {
            bytes[at] = values[i];
            if (read_bytes(&file, bytes, length, &error) != 0)
                continue;
            size_t again_length;
            char *again = write_file(&file, &again_length);
            safetensors_release(&file);
            assert_int_equal(read_bytes(&file, again, again_length, &error), 0);
            safetensors_release(&file);
            free(again);
            accepted++;
        }
        bytes[at] = before;
    }
    assert_true(accepted > 0);
    free(bytes);
}

static void refuses_names(void **state)
{
    (void)state;
    struct safetensors file = {0};
    struct error error;
    const int64_t one[] = {1};
    assert_non_null(safetensors_add(&file, "w", SAFETENSORS_F32, 1, one, &error));
    assert_null(safetensors_add(&file, "w", SAFETENSORS_F32, 1, one, &error));
    assert_string_equal(error.message, "the tensor 'w' is there twice");
    assert_null(safetensors_add(&file, "__metadata__", SAFETENSORS_F32, 1, one, &error));
    assert_int_equal(safetensors_set_text(&file, "bad", "\xff", &error), 0);
    FILE *stream = tmpfile();
    assert_int_equal(safetensors_write(&file, stream, &error), -1);
    assert_non_null(strstr(error.message, "is not UTF-8"));
    fclose(stream);
    safetensors_release(&file);
}

static void notices_a_full_disk(void **state)
{
    (void)state;
    struct safetensors file = {0};
    struct error error;
    const int64_t large[] = {1000000};
    assert_non_null(safetensors_add(&file, "w", SAFETENSORS_F32, 1, large, &error));
    FILE *stream = fopen("/dev/full", "wb");
    assert_non_null(stream);
    assert_int_equal(safetensors_write(&file, stream, &error), -1);
    assert_string_equal(error.message, "cannot write the tensors: No space left on device");
    fclose(stream);
    safetensors_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back),          cmocka_unit_test(writes_the_format),
        cmocka_unit_test(refuses_truncations), cmocka_unit_test(survives_changed_headers),
        cmocka_unit_test(refuses_names),       cmocka_unit_test(notices_a_full_disk),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
