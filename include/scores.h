/* Scores of a classifier from its predictions: accuracy, loss, per-class figures, confusion matrix, ROC.
 *
 * Predictions are a table (table.h) with the columns key, truth and then one for each class, named after it. truth is
 * one of these names; a class's column holds its probability, in [0, 1]; a row's probabilities add up to 1 within 1e-6.
 *
 * Definitions, for n clips, p(i, c) the probability of class c for clip i, t(i) its truth:
 *   predicted   the class of the largest p(i, c), of equals the first column
 *   accuracy    correct / n
 *   loss        the mean of -ln p(i, t(i)): the cross-entropy; torch.nn.NLLLoss with reduction='mean'
 * For one class against the rest, with true and false positives and negatives TP, FP, TN, FN:
 *   recall      TP / (TP + FN), precision TP / (TP + FP), f1 = 2 TP / (2 TP + FP + FN), the F measure with beta = 1
 *               (van Rijsbergen, Information Retrieval, 2nd ed. 1979, chapter 7)
 *   ROC         false positive rate FP / (FP + TN) and true positive rate TP / (TP + FN) when a clip counts as positive
 *               whose p is at least the threshold (Fawcett, Pattern Recognition Letters 27(8), 2006, algorithm 1)
 *   AUC         the area under the ROC by trapezoids; equally the share of pairs of a positive and a negative in which
 *               the positive has the larger p, ties counted as half (Hanley and McNeil, Radiology 143(1), 1982)
 * 0 / 0 is NaN. */
#ifndef BITFAST_SCORES_H
#define BITFAST_SCORES_H

#include <stddef.h>

#include "error.h"
#include "table.h"

struct scores {
    const struct table *table; /* the predictions; the caller's, kept until release */
    size_t clips, classes;     /* at least 1 each */
    double *probabilities;     /* clips x classes */
    size_t *truths;            /* one a clip: 0 <= class < classes */
    size_t *predicted;
};

/* Checks the predictions and takes them over. On failure it is empty. */
int scores_read(struct scores *scores, const struct table *table, struct error *error);
void scores_release(struct scores *scores);

const char *scores_class_name(const struct scores *scores, size_t class);

size_t scores_correct(const struct scores *scores);

/* Refuses a truth of probability 0, whose loss is infinite, naming the clip. */
int scores_loss(const struct scores *scores, double *loss, struct error *error);

/* matrix: classes x classes, the truth's row, the predicted class's column. */
void scores_confusion(const struct scores *scores, size_t *matrix);

struct class_scores {
    size_t clips; /* whose truth is this class */
    double recall, precision, f1;
};

/* `confusion` as scores_confusion fills it. */
struct class_scores scores_of_class(const struct scores *scores, const size_t *confusion, size_t class);

struct roc_point {
    double threshold; /* infinite at (0, 0) */
    double false_positive_rate, true_positive_rate;
};

/* Sets points, which has room for clips + 1, from (0, 0) on, one more for each distinct probability, the largest first;
 * *count says how many. */
int scores_roc(const struct scores *scores, size_t class, struct roc_point *points, size_t *count, struct error *error);
double scores_area(const struct roc_point *points, size_t count);

#endif
