#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_line.h"
#include "scores.h"
#include "table.h"

enum { PREFIX_BYTES_MAX = 64, KEY_BYTES = PREFIX_BYTES_MAX + 8, REAL_DIGITS = 9 };

static const char details[] =
    "Reads predictions from standard input: a tab-separated table with the columns key, truth and one for each class,\n"
    "which holds its probability, as predict writes it. Writes, as --table says:\n"
    "  scores     JSON: test_acc, the share of clips whose most probable class is the truth; test_loss, the mean of\n"
    "             -ln(probability of the truth); correct and total, counts of clips\n"
    "  classes    TSV: class, clips, recall, precision, f1, auc (one class against the rest; 0/0 is nan)\n"
    "  confusion  TSV: clips by truth (rows) and predicted class (columns)\n"
    "  roc        TSV: class, threshold, false_positive_rate, true_positive_rate; a point for each probability\n"
    "\n"
    "example: predict --model=model.safetensors fold-5.npy | score";

static void set_or_die(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        die("cannot write '%s' as JSON: it is not UTF-8, or there is no memory", key);
}

static void print_scores(const struct scores *scores, const char *prefix)
{
    struct error error;
    double loss;
    char accuracy_key[KEY_BYTES], loss_key[KEY_BYTES];
    snprintf(accuracy_key, KEY_BYTES, "%s_acc", prefix);
    snprintf(loss_key, KEY_BYTES, "%s_loss", prefix);
    if (scores_loss(scores, &loss, &error) != 0)
        die_error(&error);
    size_t correct = scores_correct(scores);
    json_t *root = json_object();
    set_or_die(root, accuracy_key, json_real((double)correct / (double)scores->clips));
    set_or_die(root, loss_key, json_real(loss));
    set_or_die(root, "correct", json_integer((json_int_t)correct));
    set_or_die(root, "total", json_integer((json_int_t)scores->clips));
    json_dumpf(root, stdout, JSON_INDENT(4) | JSON_REAL_PRECISION(REAL_DIGITS));
    putchar('\n');
    json_decref(root);
}

/* One way to write "not a number", whatever its sign. */
static void print_real(double value, char end)
{
    if (isnan(value))
        printf("nan%c", end);
    else
        printf("%.*g%c", REAL_DIGITS, value, end);
}

static size_t *count_confusion(const struct scores *scores)
{
    size_t *matrix = allocate_or_die(scores->classes * scores->classes, sizeof *matrix);
    scores_confusion(scores, matrix);
    return matrix;
}

static size_t find_roc(const struct scores *scores, size_t class, struct roc_point *points)
{
    struct error error;
    size_t count;
    if (scores_roc(scores, class, points, &count, &error) != 0)
        die_error(&error);
    return count;
}

static void print_classes(const struct scores *scores)
{
    size_t *matrix = count_confusion(scores);
    struct roc_point *points = allocate_or_die(scores->clips + 1, sizeof *points);
    puts("class\tclips\trecall\tprecision\tf1\tauc");
    for (size_t class = 0; class < scores->classes; class++) {
        struct class_scores row = scores_of_class(scores, matrix, class);
        size_t count = find_roc(scores, class, points);
        printf("%s\t%zu\t", scores_class_name(scores, class), row.clips);
        print_real(row.recall, '\t');
        print_real(row.precision, '\t');
        print_real(row.f1, '\t');
        print_real(scores_area(points, count), '\n');
    }
    free(points);
    free(matrix);
}

static void print_confusion(const struct scores *scores)
{
    size_t *matrix = count_confusion(scores);
    fputs("truth", stdout);
    for (size_t class = 0; class < scores->classes; class++)
        printf("\t%s", scores_class_name(scores, class));
    for (size_t truth = 0; truth < scores->classes; truth++) {
        printf("\n%s", scores_class_name(scores, truth));
        for (size_t predicted = 0; predicted < scores->classes; predicted++)
            printf("\t%zu", matrix[truth * scores->classes + predicted]);
    }
    putchar('\n');
    free(matrix);
}

static void print_roc(const struct scores *scores)
{
    struct roc_point *points = allocate_or_die(scores->clips + 1, sizeof *points);
    puts("class\tthreshold\tfalse_positive_rate\ttrue_positive_rate");
    for (size_t class = 0; class < scores->classes; class++) {
        size_t count = find_roc(scores, class, points);
        for (size_t i = 0; i < count; i++) {
            printf("%s\t", scores_class_name(scores, class));
            print_real(points[i].threshold, '\t');
            print_real(points[i].false_positive_rate, '\t');
            print_real(points[i].true_positive_rate, '\n');
        }
    }
    free(points);
}

int main(int argc, char **argv)
{
    const char *table_name = "scores", *prefix = "test";
    const struct option options[] = {
        {"table", OPTION_CHOICE, &table_name, 0, 0, "scores|classes|confusion|roc", "what to write"},
        {"prefix", OPTION_TEXT, &prefix, 0, 0, "WORD", "names the scores: WORD_acc, WORD_loss"},
        {0}};
    const struct command command = {"score", "<PREDICTIONS", "Scores predictions against the truth.", details, options,
                                    0, 0};
    struct error error;
    struct table table;
    struct scores scores;
    command_line_parse(&command, argc, argv);
    if (prefix[0] == '\0' || strlen(prefix) > PREFIX_BYTES_MAX)
        die_usage("--prefix: '%s' has %zu bytes, expected 1 to %d", prefix, strlen(prefix), PREFIX_BYTES_MAX);
    if (table_read(&table, stdin, "standard input", '\t', &error) != 0 || scores_read(&scores, &table, &error) != 0)
        die_error(&error);
    if (strcmp(table_name, "classes") == 0)
        print_classes(&scores);
    else if (strcmp(table_name, "confusion") == 0)
        print_confusion(&scores);
    else if (strcmp(table_name, "roc") == 0)
        print_roc(&scores);
    else
        print_scores(&scores, prefix);
    scores_release(&scores);
    table_release(&table);
    return close_output();
}
