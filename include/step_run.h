/* Running a step's command. The only module that starts processes and takes signals. */
#ifndef BITFAST_STEP_RUN_H
#define BITFAST_STEP_RUN_H

#include "error.h"

struct step_result {
    int status;          /* its exit status; 128 + N if signal N ended it */
    double seconds;
    long peak_memory;    /* of its largest process, in KiB */
    int is_orphan;       /* who asked for it was gone before it ended */
};

/* From here on SIGINT, SIGTERM and SIGHUP (unless ignored) end the command and are remembered; the end of the parent
 * process counts as SIGTERM. */
void step_run_catch_signals(void);

/* The signal that came, or 0. */
int step_run_signal(void);

/* Runs the command by bash with pipefail, its standard output written to the open file `output`. Where one tool of a pipe
 * fails, the others may too; of what a pipe says on standard error only the first line, which says why, is let through.
 * The command and all its processes have a group of their own; they end with this process. */
int step_run(const char *command, int output, struct step_result *result, struct error *error);

#endif
