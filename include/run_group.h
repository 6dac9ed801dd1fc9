/* Runs that differ only in some parameters, such as SEED, as one row: how far their metrics scatter.
 *
 * The groups are a run table again, to be sorted, cut and shown like one: the other parameters, `runs` (how many), and
 * of each metric, and of the seconds if any run has them, NAME_n (how many have a value), NAME_mean, NAME_sd (of the
 * sample: the divisor is n - 1; missing if n is 1), NAME_min and NAME_max. Computed in double, in the order of the
 * runs; mean and sd with 9 digits. */
#ifndef BITFAST_RUN_GROUP_H
#define BITFAST_RUN_GROUP_H

#include "run_table.h"

/* Of the runs that agree in all parameters but those of the columns `over` one row, in the order of the first of each.
 * `groups`, which must be empty, points into `runs`, which must outlive it. Refuses a metric that is no number, naming
 * its file. */
int run_group(struct run_table *groups, const struct run_table *runs, const size_t *over, size_t over_count,
              struct error *error);

/* As run_table_usual_columns(); if brief, of the metrics val_acc and test_acc only, and NAME_n if it is not `runs`. */
size_t run_group_usual_columns(const struct run_table *groups, bool brief, size_t *columns);

#endif
