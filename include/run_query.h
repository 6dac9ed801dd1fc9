/* Choosing and ordering the rows of a run table. */
#ifndef BITFAST_RUN_QUERY_H
#define BITFAST_RUN_QUERY_H

#include "run_table.h"

/* Keeps the runs for which all `conditions` hold: NAME OP VALUE, several separated by spaces, OP one of
 * = != < <= > >=. A value ends where the next NAME OP begins. Compared as numbers if both are, else as texts; a missing
 * value differs from everything (only != holds). */
int run_table_filter(struct run_table *table, const char *conditions, struct error *error);

/* Sorts by number if all that is there are numbers, else by text; equal runs stay in order, missing ones come last. */
int run_table_sort(struct run_table *table, size_t column, bool reverse, struct error *error);

#endif
