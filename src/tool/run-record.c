#include <float.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_line.h"
#include "number.h"
#include "table.h"

static const char details[] =
    "Prints a run's run.tsv, a header line and one row: run, each NAME with its VALUE, then train_loss, train_acc,\n"
    "val_loss and val_acc of the log's last epoch (val may be empty), then test_loss and test_acc of the scores,\n"
    "every number with the text it has there.\n"
    "\n"
    "example: run-record --name=first --log=log.csv --scores=test_scores.json FILTERS=16 EPOCHS=4 SEED=0";

enum { EPOCH_FIELD, FIRST_METRIC_FIELD, FIRST_VAL_FIELD = 3, LOG_FIELDS = 5 };
static const char *const log_names[LOG_FIELDS] = {"epoch", "train_loss", "train_acc", "val_loss", "val_acc"};
enum { SCORE_FIELDS = 2 };
static const char *const score_names[SCORE_FIELDS] = {"test_loss", "test_acc"};

static const char name_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

static void check_text(const char *what, const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            die_usage("%s: '%s' holds a control character", what, text);
}

static bool is_taken(const char *name, size_t length, char **earlier, int earlier_count)
{
    static const char *const fixed[] = {"run", "seconds", "state", "tags", "id", "train_loss", "train_acc", "val_loss",
                                        "val_acc", "test_loss", "test_acc"};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        if (strlen(fixed[i]) == length && strncmp(fixed[i], name, length) == 0)
            return true;
    for (int i = 0; i < earlier_count; i++)
        if (strncmp(earlier[i], name, length + 1) == 0)
            return true;
    return false;
}

static void check_parameters(char **parameters, int count)
{
    for (int i = 0; i < count; i++) {
        size_t length = strspn(parameters[i], name_bytes);
        if (length == 0 || parameters[i][length] != '=')
            die_usage("'%s' is not NAME=VALUE", parameters[i]);
        if (is_taken(parameters[i], length, parameters, i))
            die_usage("the column '%.*s' would be there twice", (int)length, parameters[i]);
        check_text("a parameter", parameters[i]);
    }
}

/* Every row is checked, though only the last is printed: ascending epochs, numbers. */
static void read_log(struct table *log, const char *path)
{
    struct error error;
    if (table_read_file(log, path, ',', &error) != 0)
        die_error(&error);
    for (size_t i = 0; i < LOG_FIELDS; i++)
        if (log->columns != LOG_FIELDS || strcmp(table_column_name(log, i), log_names[i]) != 0)
            die("%s: has other columns, expected epoch,train_loss,train_acc,val_loss,val_acc", path);
    if (log->rows == 0)
        die("%s: holds no epoch", path);
    int64_t epoch, last = -1;
    for (size_t row = 0; row < log->rows; row++, last = epoch) {
        if (table_integer(log, row, EPOCH_FIELD, last + 1, INT32_MAX, &epoch, &error) != 0)
            die_error(&error);
        for (size_t i = FIRST_METRIC_FIELD; i < LOG_FIELDS; i++) {
            double ignored;
            bool may_lack = i >= FIRST_VAL_FIELD && table_field(log, row, i)[0] == '\0';
            if (!may_lack && table_real(log, row, i, -DBL_MAX, DBL_MAX, &ignored, &error) != 0)
                die_error(&error);
        }
    }
}

static char *read_file(const char *path)
{
    enum { BYTES_MAX = 65536 };
    char *text = allocate_or_die(BYTES_MAX, 1);
    FILE *stream = fopen(path, "r");
    size_t length = stream != NULL ? fread(text, 1, BYTES_MAX, stream) : 0;
    if (stream == NULL || ferror(stream))
        die("cannot read '%s'", path);
    if (length == BYTES_MAX || strlen(text) != length)
        die("%s: is not a JSON text of less than %d bytes", path, BYTES_MAX);
    fclose(stream);
    return text;
}

/* jansson checks the file and gives the value; the text is what stands there after the name. */
static char *find_number(const char *text, json_t *root, const char *name, const char *path)
{
    char key[32];
    struct error error;
    double value;
    json_t *number = json_object_get(root, name);
    if (!json_is_number(number))
        die("%s: has no number '%s'", path, name);
    snprintf(key, sizeof key, "\"%s\"", name);
    const char *at = strstr(text, key);
    at = at != NULL ? at + strlen(key) : text;
    at += strspn(at, " \t\r\n:");
    size_t length = strcspn(at, " \t\r\n,}");
    char *copy = allocate_or_die(length + 1, 1);
    memcpy(copy, at, length);
    if (number_parse_real(copy, -DBL_MAX, DBL_MAX, &value, &error) != 0 || value != json_number_value(number))
        die("%s: the number '%s' is not written plainly", path, name);
    return copy;
}

/* Sets the texts of score_names; the caller frees them. */
static void read_scores(const char *path, char *scores[SCORE_FIELDS])
{
    json_error_t error;
    char *text = read_file(path);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        die("%s: line %d: %s", path, error.line, error.text);
    for (size_t i = 0; i < SCORE_FIELDS; i++)
        scores[i] = find_number(text, root, score_names[i], path);
    json_decref(root);
    free(text);
}

static void print_record(const char *name, char **parameters, const struct table *log, char *const *scores)
{
    fputs("run", stdout);
    for (char **at = parameters; *at != NULL; at++)
        printf("\t%.*s", (int)strcspn(*at, "="), *at);
    for (size_t i = FIRST_METRIC_FIELD; i < LOG_FIELDS; i++)
        printf("\t%s", log_names[i]);
    for (size_t i = 0; i < SCORE_FIELDS; i++)
        printf("\t%s", score_names[i]);
    printf("\n%s", name);
    for (char **at = parameters; *at != NULL; at++)
        printf("\t%s", strchr(*at, '=') + 1);
    for (size_t i = FIRST_METRIC_FIELD; i < LOG_FIELDS; i++)
        printf("\t%s", table_field(log, log->rows - 1, i));
    for (size_t i = 0; i < SCORE_FIELDS; i++)
        printf("\t%s", scores[i]);
    putchar('\n');
}

int main(int argc, char **argv)
{
    const char *name = NULL, *log_path = NULL, *scores_path = NULL;
    const struct option options[] = {
        {"name", OPTION_TEXT, &name, 0, 0, "TEXT", "the run's name, the column run; required"},
        {"log", OPTION_TEXT, &log_path, 0, 0, "FILE", "epoch,train_loss,train_acc,val_loss,val_acc; required"},
        {"scores", OPTION_TEXT, &scores_path, 0, 0, "FILE", "JSON as score writes it; required"},
        {0}};
    const struct command command = {"run-record", "NAME=VALUE...", "Prints the record of one run.", details, options,
                                    0, -1};
    struct table log;
    char *scores[SCORE_FIELDS];
    int first = command_line_parse(&command, argc, argv);
    if (name == NULL || name[0] == '\0' || log_path == NULL || scores_path == NULL)
        die_usage("--name, --log and --scores must be given");
    check_text("--name", name);
    check_parameters(argv + first, argc - first);
    read_log(&log, log_path);
    read_scores(scores_path, scores);
    print_record(name, argv + first, &log, scores);
    for (size_t i = 0; i < SCORE_FIELDS; i++)
        free(scores[i]);
    table_release(&log);
    return close_output();
}
