#include "run_table.h"

#include <dirent.h>
#include <errno.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "number.h"

static const char *const fixed_names[FIRST_PARAMETER_COLUMN] = {
    [RUN_COLUMN] = "run", [TRAIN_LOSS_COLUMN] = "train_loss", [TRAIN_ACC_COLUMN] = "train_acc",
    [VAL_LOSS_COLUMN] = "val_loss", [VAL_ACC_COLUMN] = "val_acc", [TEST_LOSS_COLUMN] = "test_loss",
    [TEST_ACC_COLUMN] = "test_acc", [SECONDS_COLUMN] = "seconds"};

static void release_run(struct run *run)
{
    free(run->path);
    free(run->cells);
    table_release(&run->table);
}

void run_table_release(struct run_table *table)
{
    run_table_limit(table, 0);
    for (size_t column = 0; column < table->column_count; column++)
        free(table->columns[column]);
    free(table->columns);
    free(table->runs);
    *table = (struct run_table){0};
}

void run_table_limit(struct run_table *table, size_t count)
{
    while (table->count > count)
        release_run(&table->runs[--table->count]);
}

/* --- Reading --- */

static char *join(const char *directory, size_t directory_length, const char *name, struct error *error)
{
    char *path = malloc(directory_length + strlen(name) + 2);
    if (path == NULL) {
        error_set(error, "no memory for a path");
        return NULL;
    }
    memcpy(path, directory, directory_length);
    size_t slash = directory_length > 0 && directory[directory_length - 1] != '/';
    memcpy(path + directory_length, "/", slash);
    strcpy(path + directory_length + slash, name);
    return path;
}

static int add_column(struct run_table *table, const char *name, struct error *error)
{
    char **grown = realloc(table->columns, (table->column_count + 1) * sizeof *grown);
    char *copy = strdup(name);
    if (grown != NULL)
        table->columns = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        return error_set(error, "no memory for the column '%s'", name);
    }
    table->columns[table->column_count++] = copy;
    return 0;
}

/* Sets *column, adding it if it is new. `guess` is where it probably is: runs mostly have the same columns in the same
 * order, which makes this one comparison. */
static int map_column(struct run_table *table, const char *name, size_t guess, size_t *column, struct error *error)
{
    *column = guess;
    if (guess < table->column_count && strcmp(table->columns[guess], name) == 0)
        return 0;
    for (*column = 0; *column < table->column_count; ++*column)
        if (strcmp(table->columns[*column], name) == 0)
            return 0;
    return add_column(table, name, error);
}

static int map_cells(struct run_table *table, struct run *run, struct error *error)
{
    size_t column = FIRST_PARAMETER_COLUMN - 1;
    run->cell_count = table->column_count + run->table.columns;
    run->cells = calloc(run->cell_count, sizeof *run->cells);
    if (run->cells == NULL)
        return error_set(error, "%s: no memory for its fields", run->path);
    for (size_t i = 0; i < run->table.columns; i++) {
        const char *text = table_field(&run->table, 0, i);
        if (map_column(table, table_column_name(&run->table, i), column + 1, &column, error) != 0)
            return -1;
        if (column == SECONDS_COLUMN)
            return error_set(error, "%s: has the column 'seconds', which belongs into times.tsv", run->path);
        if (text[0] != '\0' && strcmp(text, "-") != 0)
            run->cells[column] = text;
        if (column == RUN_COLUMN)
            column = FIRST_PARAMETER_COLUMN - 1;
    }
    if (run->cells[RUN_COLUMN] == NULL)
        return error_set(error, "%s: has no column 'run', or it is empty", run->path);
    return 0;
}

/* Takes over `path`. */
static int add_run(struct run_table *table, char *path, FILE *stream, struct error *error)
{
    struct run run = {.path = path};
    if (table->count == table->capacity) {
        size_t capacity = table->capacity * 2 + 16;
        struct run *grown = realloc(table->runs, capacity * sizeof *grown);
        if (grown == NULL) {
            free(path);
            return error_set(error, "no memory for %zu runs", capacity);
        }
        table->runs = grown;
        table->capacity = capacity;
    }
    int status = table_read(&run.table, stream, path, '\t', error);
    if (status == 0 && run.table.rows != 1)
        status = error_set(error, "%s: has %zu rows, expected one", path, run.table.rows);
    if (status == 0)
        status = map_cells(table, &run, error);
    if (status == 0)
        table->runs[table->count++] = run;
    else
        release_run(&run);
    return status;
}

static int skip_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int walk(struct run_table *table, const char *directory, struct error *error);

/* Adds the run of this directory, or what is below it. */
static int add_directory(struct run_table *table, const char *directory, struct error *error)
{
    char *path = join(directory, strlen(directory), "run.tsv", error);
    if (path == NULL)
        return -1;
    FILE *stream = fopen(path, "r");
    if (stream != NULL) {
        int status = add_run(table, path, stream, error);
        fclose(stream);
        return status;
    }
    int status = errno == ENOENT ? walk(table, directory, error) : error_set_errno(error, "cannot open '%s'", path);
    free(path);
    return status;
}

static int walk(struct run_table *table, const char *directory, struct error *error)
{
    struct dirent **entries = NULL;
    int status = 0, count = scandir(directory, &entries, skip_hidden, alphasort);
    if (count < 0)
        return error_set_errno(error, "cannot read '%s'", directory);
    for (int i = 0; i < count; i++) {
        struct stat kind;
        char *path = status == 0 ? join(directory, strlen(directory), entries[i]->d_name, error) : NULL;
        if (status == 0)
            status = path == NULL || (lstat(path, &kind) == 0 && S_ISDIR(kind.st_mode) &&
                                      add_directory(table, path, error) != 0) ? -1 : 0;
        free(path);
        free(entries[i]);
    }
    free(entries);
    return status;
}

int run_table_add(struct run_table *table, const char *path, struct error *error)
{
    struct stat kind;
    size_t before = table->count;
    while (table->column_count < FIRST_PARAMETER_COLUMN)
        if (add_column(table, fixed_names[table->column_count], error) != 0)
            return -1;
    if (stat(path, &kind) != 0)
        return error_set_errno(error, "cannot open '%s'", path);
    if (S_ISDIR(kind.st_mode)) {
        if (add_directory(table, path, error) != 0)
            return -1;
        return table->count > before ? 0 : error_set(error, "%s: holds no run (a directory with a run.tsv)", path);
    }
    FILE *stream = fopen(path, "r");
    char *copy = strdup(path);
    int status = -1;
    if (stream == NULL)
        error_set_errno(error, "cannot open '%s'", path);
    else if (copy == NULL)
        error_set(error, "no memory for a path");
    else
        status = add_run(table, copy, stream, error);
    if (stream == NULL)
        free(copy);
    else
        fclose(stream);
    return status;
}

static int sum_seconds(const struct table *times, double *sum, struct error *error)
{
    size_t column;
    double seconds;
    *sum = 0;
    if (table_find_column(times, "seconds", &column, error) != 0)
        return -1;
    for (size_t row = 0; row < times->rows; row++) {
        if (table_real(times, row, column, 0, DBL_MAX, &seconds, error) != 0)
            return -1;
        *sum += seconds;
    }
    return 0;
}

static int read_run_times(struct run *run, struct error *error)
{
    struct table times;
    double seconds;
    const char *slash = strrchr(run->path, '/');
    char *path = join(run->path, slash != NULL ? (size_t)(slash - run->path) + 1 : 0, "times.tsv", error);
    if (path == NULL)
        return -1;
    FILE *stream = fopen(path, "r");
    int status = 0;
    if (stream != NULL) {
        status = table_read(&times, stream, path, '\t', error);
        if (status == 0) {
            status = sum_seconds(&times, &seconds, error);
            snprintf(run->seconds, sizeof run->seconds, "%.9g", status == 0 ? seconds : 0);
            table_release(&times);
        }
        fclose(stream);
    } else if (errno != ENOENT) {
        status = error_set_errno(error, "cannot open '%s'", path);
    }
    free(path);
    return status;
}

int run_table_read_times(struct run_table *table, struct error *error)
{
    for (size_t i = 0; i < table->count; i++)
        if (read_run_times(&table->runs[i], error) != 0)
            return -1;
    return 0;
}

/* --- Looking --- */

const char *run_table_cell(const struct run_table *table, size_t run, size_t column)
{
    const struct run *row = &table->runs[run];
    if (column == SECONDS_COLUMN)
        return row->seconds[0] != '\0' ? row->seconds : NULL;
    return column < row->cell_count ? row->cells[column] : NULL;
}

int run_table_find_column(const struct run_table *table, const char *name, size_t *column, struct error *error)
{
    for (*column = 0; *column < table->column_count; ++*column)
        if (strcmp(table->columns[*column], name) == 0)
            return 0;
    const char *nearest = number_nearest_name(name, (const char *const *)table->columns, table->column_count);
    if (nearest != NULL)
        return error_set(error, "no run has a column '%s'; the nearest is '%s'", name, nearest);
    return error_set(error, "no run has a column '%s'", name);
}

static bool equal_cells(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool run_table_differs(const struct run_table *table, size_t column)
{
    for (size_t i = 1; i < table->count; i++)
        if (!equal_cells(run_table_cell(table, 0, column), run_table_cell(table, i, column)))
            return true;
    return false;
}

static bool is_shown_anyway(const char *name)
{
    return strcmp(name, "FILTERS") == 0 || strcmp(name, "EPOCHS") == 0 || strcmp(name, "SEED") == 0;
}

/* What another engine than exact computed is comparable on like machines only: that is never hidden. */
static bool names_other_engine(const struct run_table *table, size_t column)
{
    if (strcmp(table->columns[column], "ENGINE") != 0)
        return false;
    for (size_t run = 0; run < table->count; run++) {
        const char *engine = run_table_cell(table, run, column);
        if (engine != NULL && strcmp(engine, "exact") != 0)
            return true;
    }
    return false;
}

size_t run_table_usual_columns(const struct run_table *table, bool brief, bool seconds, size_t *columns)
{
    size_t count = 0;
    bool some_differ = false;
    for (size_t column = FIRST_PARAMETER_COLUMN; column < table->column_count; column++)
        some_differ = some_differ || run_table_differs(table, column);
    if (!brief)
        columns[count++] = RUN_COLUMN;
    for (size_t column = FIRST_PARAMETER_COLUMN; column < table->column_count; column++)
        if (!brief || names_other_engine(table, column) ||
            (some_differ ? run_table_differs(table, column) : is_shown_anyway(table->columns[column])))
            columns[count++] = column;
    for (size_t column = RUN_COLUMN + 1; column < SECONDS_COLUMN + (size_t)seconds; column++)
        columns[count++] = column;
    return count;
}

/* --- Choosing and ordering --- */

static bool is_number(const char *text, double *number)
{
    struct error ignored;
    return number_parse_real(text, -DBL_MAX, DBL_MAX, number, &ignored) == 0;
}

/* Numbers by value, then all else by bytes. */
static int compare_texts(const char *a, const char *b)
{
    double left, right;
    if (is_number(a, &left) && is_number(b, &right))
        return (left > right) - (left < right);
    return strcmp(a, b);
}

struct condition {
    char name[128];
    const char *operator, *value;
};

static int parse_condition(const char *text, struct condition *condition, struct error *error)
{
    static const char *const operators[] = {"!=", "<=", ">=", "==", "=", "<", ">"};
    const char *at = text + strcspn(text, "=!<>");
    size_t length = (size_t)(at - text);
    while (length > 0 && text[length - 1] == ' ')
        length--;
    condition->operator = NULL;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0] && condition->operator == NULL; i++)
        if (strncmp(at, operators[i], strlen(operators[i])) == 0)
            condition->operator = operators[i];
    if (condition->operator == NULL || length == 0 || length >= sizeof condition->name)
        return error_set(error, "'%s' is not a condition, expected NAME OP VALUE with OP one of = != < <= > >=", text);
    memcpy(condition->name, text, length);
    condition->name[length] = '\0';
    condition->value = at + strlen(condition->operator);
    condition->value += strspn(condition->value, " ");
    return 0;
}

static bool holds(const struct condition *condition, const char *cell)
{
    const char *operator = condition->operator;
    if (cell == NULL)
        return operator[0] == '!';
    int order = compare_texts(cell, condition->value);
    if (operator[0] == '!')
        return order != 0;
    bool or_equal = operator[0] == '=' || operator[1] == '=';
    return (order == 0 && or_equal) || (order < 0 && operator[0] == '<') || (order > 0 && operator[0] == '>');
}

int run_table_filter(struct run_table *table, const char *text, struct error *error)
{
    struct condition condition;
    size_t column, kept = 0;
    if (parse_condition(text, &condition, error) != 0 ||
        run_table_find_column(table, condition.name, &column, error) != 0)
        return -1;
    for (size_t i = 0; i < table->count; i++) {
        if (holds(&condition, run_table_cell(table, i, column)))
            table->runs[kept++] = table->runs[i];
        else
            release_run(&table->runs[i]);
    }
    table->count = kept;
    return 0;
}

struct sort_key {
    const char *text; /* NULL is missing */
    double number;
    bool numeric;     /* all that is there are numbers */
    bool reverse;
    size_t place;
};

static int compare_keys(const void *a, const void *b)
{
    const struct sort_key *left = a, *right = b;
    int order = 0;
    if (left->text == NULL || right->text == NULL)
        order = (left->text == NULL) - (right->text == NULL);
    else if (left->numeric)
        order = (left->number > right->number) - (left->number < right->number);
    else
        order = strcmp(left->text, right->text);
    if (left->reverse && left->text != NULL && right->text != NULL)
        order = (order < 0) - (order > 0);
    return order != 0 ? order : (left->place > right->place) - (left->place < right->place);
}

int run_table_sort(struct run_table *table, size_t column, bool reverse, struct error *error)
{
    bool numeric = true;
    struct sort_key *keys = calloc(table->count + 1, sizeof *keys);
    struct run *sorted = calloc(table->count + 1, sizeof *sorted);
    if (keys == NULL || sorted == NULL) {
        free(keys);
        free(sorted);
        return error_set(error, "no memory for sorting %zu runs", table->count);
    }
    for (size_t i = 0; i < table->count; i++) {
        keys[i] = (struct sort_key){.text = run_table_cell(table, i, column), .reverse = reverse, .place = i};
        numeric = numeric && (keys[i].text == NULL || is_number(keys[i].text, &keys[i].number));
    }
    for (size_t i = 0; i < table->count; i++)
        keys[i].numeric = numeric;
    qsort(keys, table->count, sizeof *keys, compare_keys);
    for (size_t i = 0; i < table->count; i++)
        sorted[i] = table->runs[keys[i].place];
    free(table->runs);
    free(keys);
    table->capacity = table->count + 1;
    table->runs = sorted;
    return 0;
}
