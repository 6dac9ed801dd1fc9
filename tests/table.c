/* table.h: what is read, what is refused and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "table.h"

static int read_bytes(struct table *table, const char *bytes, size_t length, char separator, struct error *error)
{
    FILE *stream = tmpfile();
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, length, stream), length);
    rewind(stream);
    int status = table_read(table, stream, "file", separator, error);
    fclose(stream);
    return status;
}

static void assert_refused(const char *bytes, size_t length, const char *message)
{
    struct table table;
    struct error error;
    assert_int_equal(read_bytes(&table, bytes, length, '\t', &error), -1);
    assert_string_equal(error.message, message);
    assert_null(table.text);
    assert_int_equal(table.rows, 0);
}

static void reads_fields(void **state)
{
    (void)state;
    static const char *const same[] = {"a\tb\n1\t\n\tx y\n", "a\tb\r\n1\t\r\n\tx y\r\n", "a\tb\n1\t\n\tx y",
                                       "a\tb\n1\t\r\n\tx y\r"};
    struct table table;
    struct error error;
    size_t column;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_int_equal(read_bytes(&table, same[i], strlen(same[i]), '\t', &error), 0);
        assert_int_equal(table.columns, 2);
        assert_int_equal(table.rows, 2);
        assert_string_equal(table_column_name(&table, 1), "b");
        assert_string_equal(table_field(&table, 0, 0), "1");
        assert_string_equal(table_field(&table, 0, 1), "");
        assert_string_equal(table_field(&table, 1, 0), "");
        assert_string_equal(table_field(&table, 1, 1), "x y");
        assert_int_equal(table_find_column(&table, "b", &column, &error), 0);
        assert_int_equal(column, 1);
        table_release(&table);
    }
    assert_int_equal(read_bytes(&table, "a,b\n1,2\n", 8, ',', &error), 0);
    assert_string_equal(table_field(&table, 0, 1), "2");
    table_release(&table);
    assert_int_equal(read_bytes(&table, "a", 1, '\t', &error), 0);
    assert_int_equal(table.rows, 0);
    table_release(&table);
}

static void refuses_bad_tables(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {{"", "file: is empty, expected a header line"},
               {"\n", "file: line 1: is empty"},
               {"\r", "file: line 1: is empty"},
               {"\r\n", "file: line 1: is empty"},
               {"a\n\n", "file: line 2: is empty"},
               {"a\tb\n1\n", "file: line 2: has 1 fields, expected 2 as in the header"},
               {"a\tb\n1\t2\n1\t2\t3", "file: line 3: has 3 fields, expected 2 as in the header"},
               {"a\ta\n", "file: the column 'a' is there twice"},
               {"b\ta\tc\ta\tc\n", "file: the column 'a' is there twice"},
               {"a\t\n", "file: column 2 has no name"},
               {"a\rb\n", "file: line 1: holds the control character 0x0d"},
               {"a\n1\r\r\n", "file: line 2: holds the control character 0x0d"},
               {"a\n\x7f\n", "file: line 2: holds the control character 0x7f"},
               {"a\n\x1b[2J\n", "file: line 2: holds the control character 0x1b"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_refused(bad[i].text, strlen(bad[i].text), bad[i].message);
    assert_refused("a\nx\0y\n", 6, "file: line 2: holds the control character 0x00");
    assert_refused("\0", 1, "file: line 1: holds the control character 0x00");
}

static void names_the_place(void **state)
{
    (void)state;
    static const char text[] = "key\tsize\nx\t3\ny\t1e1\nx\t-1\n";
    struct table table;
    struct error error;
    int64_t integer;
    double real;
    size_t column;
    assert_int_equal(read_bytes(&table, text, strlen(text), '\t', &error), 0);
    assert_int_equal(table_integer(&table, 0, 1, 0, 9, &integer, &error), 0);
    assert_int_equal(integer, 3);
    assert_int_equal(table_integer(&table, 1, 1, 0, 9, &integer, &error), -1);
    assert_string_equal(error.message, "file: line 3, column 'size': '1e1' is not a whole number from 0 to 9");
    assert_int_equal(table_real(&table, 1, 1, 0, 10, &real, &error), 0);
    assert_true(real == 10);
    assert_int_equal(table_real(&table, 2, 1, 0, 10, &real, &error), -1);
    assert_string_equal(error.message, "file: line 4, column 'size': -1 is out of range, expected 0 to 10");
    assert_int_equal(table_find_column(&table, "sise", &column, &error), -1);
    assert_string_equal(error.message, "file: has no column 'sise'; the nearest is 'size'");
    assert_int_equal(table_check_keys(&table, 0, &error), -1);
    assert_string_equal(error.message, "file: line 4, column 'key': 'x' is there twice");
    assert_int_equal(table_check_keys(&table, 1, &error), 0);
    table_release(&table);
}

/* Sizes around those at which the buffer grows. */
static void reads_any_length(void **state)
{
    (void)state;
    struct error error;
    for (size_t length = 4090; length < 4100; length++) {
        struct table table;
        char *text = malloc(length);
        memset(text, 'x', length);
        text[1] = '\n';
        assert_int_equal(read_bytes(&table, text, length, '\t', &error), 0);
        assert_int_equal(strlen(table_field(&table, 0, 0)), length - 2);
        table_release(&table);
        free(text);
    }
}

static void refuses_missing_files(void **state)
{
    (void)state;
    struct table table;
    struct error error;
    assert_int_equal(table_read_file(&table, "/nonexistent/file", '\t', &error), -1);
    assert_string_equal(error.message, "cannot open '/nonexistent/file': No such file or directory");
    assert_int_equal(table_read_file(&table, "/", '\t', &error), -1);
    assert_string_equal(error.message, "/: cannot be read: Is a directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_fields),      cmocka_unit_test(refuses_bad_tables),
        cmocka_unit_test(names_the_place),   cmocka_unit_test(reads_any_length),
        cmocka_unit_test(refuses_missing_files),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
