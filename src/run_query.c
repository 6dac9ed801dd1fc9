#include "run_query.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

static bool is_number(const char *text, double *number)
{
    struct error ignored;
    return number_parse_real(text, -DBL_MAX, DBL_MAX, number, &ignored) == 0;
}

/* --- Filtering --- */

struct condition {
    const char *name, *value;
    char operator[3];
    bool numeric;
    double number; /* of the value, if it is one */
};

static const char operator_bytes[] = "=!<>";

/* Ends the text before `end`, and before the spaces there. */
static void cut(char *start, char *end)
{
    while (end > start && end[-1] == ' ')
        end--;
    *end = '\0';
}

/* Where in what follows an operator the next condition begins: a word, with something before it, and an operator behind
 * it. NULL if there is none. */
static char *find_next(char *value)
{
    char *first = value + strspn(value, " ");
    for (char *at = first + strcspn(first, operator_bytes); *at != '\0'; at += 1 + strcspn(at + 1, operator_bytes)) {
        char *end = at, *start;
        while (end > first && end[-1] == ' ')
            end--;
        for (start = end; start > first && start[-1] != ' '; start--)
            ;
        if (start > first && start < end)
            return start;
    }
    return NULL;
}

/* Takes the first condition from `text`, which it changes; *next is where the next one begins, or NULL. */
static int parse_condition(char *text, struct condition *condition, char **next, struct error *error)
{
    static const char *const operators[] = {"!=", "<=", ">=", "==", "=", "<", ">"};
    const char *found = NULL;
    char *at = text + strcspn(text, operator_bytes);
    for (size_t i = 0; i < sizeof operators / sizeof operators[0] && found == NULL; i++)
        if (strncmp(at, operators[i], strlen(operators[i])) == 0)
            found = operators[i];
    if (found == NULL || at == text + strspn(text, " "))
        return error_set(error, "'%s' is not a condition, expected NAME OP VALUE with OP one of = != < <= > >=", text);
    char *value = at + strlen(found);
    cut(text, at);
    strcpy(condition->operator, found);
    *next = find_next(value);
    if (*next != NULL)
        cut(value, *next == value ? value : *next - 1);
    cut(value, value + strlen(value));
    condition->name = text + strspn(text, " ");
    condition->value = value + strspn(value, " ");
    condition->numeric = is_number(condition->value, &condition->number);
    return 0;
}

static bool holds(const struct condition *condition, const char *cell)
{
    const char *operator = condition->operator;
    double number;
    if (cell == NULL)
        return operator[0] == '!';
    int order = condition->numeric && is_number(cell, &number)
                    ? (number > condition->number) - (number < condition->number)
                    : strcmp(cell, condition->value);
    if (operator[0] == '!')
        return order != 0;
    bool or_equal = operator[0] == '=' || operator[1] == '=';
    return (order == 0 && or_equal) || (order < 0 && operator[0] == '<') || (order > 0 && operator[0] == '>');
}

static int filter_by(struct run_table *table, const struct condition *condition, struct error *error)
{
    size_t column, kept = 0;
    if (run_table_find_column(table, condition->name, &column, error) != 0)
        return -1;
    for (size_t i = 0; i < table->count; i++) {
        if (holds(condition, run_table_cell(table, i, column)))
            table->runs[kept++] = table->runs[i];
        else
            run_release(&table->runs[i]);
    }
    table->count = kept;
    return 0;
}

int run_table_filter(struct run_table *table, const char *conditions, struct error *error)
{
    char *copy = strdup(conditions), *at = copy, *next = NULL;
    int status = copy != NULL ? 0 : error_set(error, "no memory for '%s'", conditions);
    for (; status == 0 && at != NULL; at = next) {
        struct condition condition;
        status = parse_condition(at, &condition, &next, error);
        if (status == 0)
            status = filter_by(table, &condition, error);
    }
    free(copy);
    return status;
}

/* --- Sorting --- */

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
