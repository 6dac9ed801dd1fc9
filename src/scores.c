#include "scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "elementary.h"

enum { KEY_COLUMN, TRUTH_COLUMN, FIRST_CLASS_COLUMN };
static const double sum_tolerance = 1e-6;

static int check_columns(const struct table *table, struct error *error)
{
    static const char *const names[FIRST_CLASS_COLUMN] = {[KEY_COLUMN] = "key", [TRUTH_COLUMN] = "truth"};
    for (size_t column = 0; column < FIRST_CLASS_COLUMN; column++)
        if (column >= table->columns || strcmp(table_column_name(table, column), names[column]) != 0)
            return error_set(error, "%s: column %zu is not '%s', expected key, truth and one column a class",
                             table->name, column + 1, names[column]);
    if (table->columns == FIRST_CLASS_COLUMN)
        return error_set(error, "%s: has no column after key and truth, expected one a class", table->name);
    if (table->rows == 0)
        return error_set(error, "%s: holds no clip", table->name);
    return table_check_keys(table, KEY_COLUMN, error);
}

static int read_truth(const struct scores *scores, size_t clip, struct error *error)
{
    const char *truth = table_field(scores->table, clip, TRUTH_COLUMN);
    size_t *class = &scores->truths[clip];
    for (*class = 0; *class < scores->classes; ++*class)
        if (strcmp(scores_class_name(scores, *class), truth) == 0)
            return 0;
    if (strcmp(truth, "?") == 0)
        error_set(error, "the truth is not known, so it cannot be scored");
    else
        error_set(error, "'%s' is not the name of a class", truth);
    return table_locate_error(scores->table, clip, TRUTH_COLUMN, error);
}

static int read_probabilities(const struct scores *scores, size_t clip, struct error *error)
{
    double *row = scores->probabilities + clip * scores->classes, sum = 0;
    size_t best = 0;
    for (size_t class = 0; class < scores->classes; class++) {
        if (table_real(scores->table, clip, FIRST_CLASS_COLUMN + class, 0, 1, &row[class], error) != 0)
            return -1;
        sum += row[class];
        if (row[class] > row[best])
            best = class;
    }
    if (fabs(sum - 1) > sum_tolerance)
        return error_set(error, "%s: line %zu, key '%s': the probabilities add up to %.9g, expected 1 within %g",
                         scores->table->name, clip + 2, table_field(scores->table, clip, KEY_COLUMN), sum,
                         sum_tolerance);
    scores->predicted[clip] = best;
    return 0;
}

int scores_read(struct scores *scores, const struct table *table, struct error *error)
{
    *scores = (struct scores){0};
    if (check_columns(table, error) != 0)
        return -1;
    *scores = (struct scores){.table = table, .clips = table->rows, .classes = table->columns - FIRST_CLASS_COLUMN};
    scores->probabilities = calloc(scores->clips * scores->classes, sizeof *scores->probabilities);
    scores->truths = calloc(scores->clips, sizeof *scores->truths);
    scores->predicted = calloc(scores->clips, sizeof *scores->predicted);
    int status = scores->probabilities != NULL && scores->truths != NULL && scores->predicted != NULL
                     ? 0
                     : error_set(error, "%s: no memory for %zu clips", table->name, scores->clips);
    for (size_t clip = 0; clip < scores->clips && status == 0; clip++)
        if (read_truth(scores, clip, error) != 0 || read_probabilities(scores, clip, error) != 0)
            status = -1;
    if (status != 0)
        scores_release(scores);
    return status;
}

void scores_release(struct scores *scores)
{
    free(scores->probabilities);
    free(scores->truths);
    free(scores->predicted);
    *scores = (struct scores){0};
}

const char *scores_class_name(const struct scores *scores, size_t class)
{
    return table_column_name(scores->table, FIRST_CLASS_COLUMN + class);
}

size_t scores_correct(const struct scores *scores)
{
    size_t correct = 0;
    for (size_t clip = 0; clip < scores->clips; clip++)
        correct += scores->predicted[clip] == scores->truths[clip];
    return correct;
}

int scores_loss(const struct scores *scores, double *loss, struct error *error)
{
    double sum = 0;
    for (size_t clip = 0; clip < scores->clips; clip++) {
        double probability = scores->probabilities[clip * scores->classes + scores->truths[clip]];
        if (probability == 0)
            return error_set(error, "%s: line %zu, key '%s': the truth '%s' has probability 0, so the loss is infinite",
                             scores->table->name, clip + 2, table_field(scores->table, clip, KEY_COLUMN),
                             scores_class_name(scores, scores->truths[clip]));
        sum -= elementary_log(probability);
    }
    *loss = sum / (double)scores->clips;
    return 0;
}

void scores_confusion(const struct scores *scores, size_t *matrix)
{
    memset(matrix, 0, scores->classes * scores->classes * sizeof *matrix);
    for (size_t clip = 0; clip < scores->clips; clip++)
        matrix[scores->truths[clip] * scores->classes + scores->predicted[clip]]++;
}

static double ratio(size_t part, size_t whole)
{
    return whole > 0 ? (double)part / (double)whole : (double)NAN;
}

struct class_scores scores_of_class(const struct scores *scores, const size_t *confusion, size_t class)
{
    size_t truly = 0, predicted = 0, both = confusion[class * scores->classes + class];
    for (size_t other = 0; other < scores->classes; other++) {
        truly += confusion[class * scores->classes + other];
        predicted += confusion[other * scores->classes + class];
    }
    return (struct class_scores){truly, ratio(both, truly), ratio(both, predicted), ratio(2 * both, truly + predicted)};
}

struct ranked {
    double probability;
    int positive;
};

static int by_probability_descending(const void *a, const void *b)
{
    const struct ranked *left = a, *right = b;
    return (left->probability < right->probability) - (left->probability > right->probability);
}

int scores_roc(const struct scores *scores, size_t class, struct roc_point *points, size_t *count, struct error *error)
{
    size_t positives = 0, true_positives = 0;
    struct ranked *ranked = calloc(scores->clips, sizeof *ranked);
    if (ranked == NULL)
        return error_set(error, "no memory for %zu clips", scores->clips);
    for (size_t clip = 0; clip < scores->clips; clip++) {
        ranked[clip] = (struct ranked){scores->probabilities[clip * scores->classes + class],
                                       scores->truths[clip] == class};
        positives += (size_t)ranked[clip].positive;
    }
    qsort(ranked, scores->clips, sizeof *ranked, by_probability_descending);
    points[0] = (struct roc_point){(double)INFINITY, ratio(0, scores->clips - positives), ratio(0, positives)};
    *count = 1;
    for (size_t i = 0; i < scores->clips; i++) {
        true_positives += (size_t)ranked[i].positive;
        if (i + 1 < scores->clips && ranked[i + 1].probability == ranked[i].probability)
            continue;
        points[(*count)++] = (struct roc_point){ranked[i].probability,
                                                ratio(i + 1 - true_positives, scores->clips - positives),
                                                ratio(true_positives, positives)};
    }
    free(ranked);
    return 0;
}

double scores_area(const struct roc_point *points, size_t count)
{
    double area = 0;
    for (size_t i = 1; i < count; i++)
        area += (points[i].false_positive_rate - points[i - 1].false_positive_rate) *
                (points[i].true_positive_rate + points[i - 1].true_positive_rate) / 2;
    return area;
}
