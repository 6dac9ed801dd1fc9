/* Makes one file of the pipeline: whole or absent, and only if its tool, inputs or command have other bytes. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command_line.h"
#include "make_flags.h"
#include "part_file.h"
#include "step_record.h"
#include "step_run.h"
#include "store.h"

static const char details[] =
    "TARGET is what COMMAND, a command or pipe of bash, prints. Beside it, .made/ records what it was made from; as long\n"
    "as that has the same bytes, TARGET is only touched. Else, if the store has what the same command made from the\n"
    "same bytes, it is restored. COMMAND may use $threads and $quiet, which no record sees.\n"
    "Environment: STORE is the store's folder, or empty; BIN, THREADS, MAKEFLAGS as make sets them.\n"
    "Example: step sorted.txt 'sort < names.txt' names.txt";

struct step {
    const char *say, *detail;
    bool show;
    const char *target, *command;
    struct recipe recipe;
    struct part_file part;
    char sha256[DIGEST_TEXT_BYTES];
};

static const char *from_environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

/* Nothing half made stays, not even a folder. */
_Noreturn static void give_up(struct step *step, int status)
{
    char *folder = allocate_or_die(strlen(step->target) + sizeof "/.made", 1);
    if (step->part.file >= 0)
        part_file_release(&step->part);
    if (step_run_signal() != 0) {
        fputs("make: interrupted; the same command goes on from here\n", stderr);
        status = 128 + step_run_signal();
    }
    char *slash = strrchr(strcpy(folder, step->target), '/');
    if (slash != NULL) {
        strcpy(slash, "/.made");
        rmdir(folder);
    }
    for (; slash != NULL && slash > folder; slash = strrchr(folder, '/')) {
        *slash = '\0';
        if (rmdir(folder) != 0)
            break;
    }
    exit(status);
}

_Noreturn static void give_up_error(struct step *step, const struct error *error)
{
    if (step_run_signal() == 0)
        fprintf(stderr, "step: %s\n", error->message);
    give_up(step, EXIT_FAILURE);
}

static void move_into_place(struct step *step)
{
    struct error error;
    if (step_run_signal() != 0)
        give_up(step, EXIT_FAILURE);
    if (step_record_commit(&step->part, step->sha256, &step->recipe, &error) != 0)
        give_up_error(step, &error);
}

static bool restore(struct step *step, const char *store)
{
    struct error error;
    enum store_answer answer = store_restore(store, &step->recipe, step->target, &step->part, step->sha256, &error);
    if (answer == STORE_DAMAGED)
        fprintf(stderr, "step: %s\n", error.message);
    if (answer == STORE_HAS)
        move_into_place(step);
    return answer == STORE_HAS;
}

/* All threads that there are, shared out among the steps like this one that -j may run at the same time. */
static void set_environment(int64_t alike)
{
    const char *flags = from_environment("MAKEFLAGS");
    char text[16];
    snprintf(text, sizeof text, "%d", make_flags_threads(flags, from_environment("THREADS"), (int)alike));
    setenv("threads", text, 1);
    setenv("quiet", make_flags_jobs(flags) > 1 || !isatty(STDERR_FILENO) ? "--quiet" : "", 1);
}

/* `store` is empty if nothing is kept. It comes before the file: a kill between them leaves the step to be done. */
static void run(struct step *step, const char *store, struct step_time *time_taken)
{
    struct error error;
    struct step_result result;
    if (part_file_open(&step->part, step->target, &error) != 0 ||
        step_run(step->command, step->part.file, &result, &error) != 0)
        give_up_error(step, &error);
    if (result.status > 128 && step_run_signal() == 0)
        fprintf(stderr, "step: %s: the command died of signal %d: %s\n", step->target, result.status - 128,
                step->command);
    /* Who asks again makes the file: after make was killed, what it asked for may be out of date. */
    if (result.status != 0 || result.is_orphan)
        give_up(step, result.status != 0 ? result.status : EXIT_FAILURE);
    if (digest_file(step->part.file, step->sha256, &error) != 0) {
        error_prefix(&error, "%s", step->target);
        give_up_error(step, &error);
    }
    if (store[0] != '\0' && store_put(store, &step->recipe, step->part.file, step->sha256, &error) != 0 &&
        step->say != NULL) /* not a line for each small file */
        fprintf(stderr, "step: %s; the file is made, but not kept in the store\n", error.message);
    move_into_place(step);
    *time_taken = (struct step_time){result.seconds, (double)result.peak_memory, (double)time(NULL)};
    if (step_record_add_time(step->target, *time_taken, &error) != 0)
        die_error(&error);
}

/* Of what a shell command prints. */
static void read_first_line(const char *command, char *line, int size)
{
    FILE *stream = popen(command, "r");
    if (stream == NULL || fgets(line, size, stream) == NULL)
        line[0] = '\0';
    if (stream != NULL)
        pclose(stream);
    line[strcspn(line, "\n")] = '\0';
}

/* A line is printed in one go: others print theirs at the same time. */
static void say(const struct step *step, const char *time_text)
{
    char detail[256] = "";
    if (step->detail != NULL)
        read_first_line(step->detail, detail, sizeof detail);
    if (step->say != NULL) {
        int word = (int)strcspn(step->say, "|");
        printf("%-9.*s %-44s %-52s %10s\n", word, step->say, step->say + word + (step->say[word] == '|'), detail,
               time_text);
    }
    FILE *stream = step->show ? fopen(step->target, "r") : NULL;
    for (int c; stream != NULL && (c = getc(stream)) != EOF;)
        putchar(c);
    if (stream != NULL)
        fclose(stream);
    if (fflush(stdout) != 0 || ferror(stdout))
        die("cannot write to standard output: %s", strerror(errno));
}

int main(int argc, char **argv)
{
    struct step step = {.part.file = -1};
    const char *again = "";
    int64_t alike = 1;
    bool always = false, no_store = false;
    const struct option options[] = {
        {"share", OPTION_INTEGER, &alike, 1, INT_MAX, NULL, "how many such steps there are, to share the threads"},
        {"say", OPTION_TEXT, &step.say, 0, 0, "STAGE|WHAT", "print a line when the file is made"},
        {"detail", OPTION_TEXT, &step.detail, 0, 0, "COMMAND", "whose first line is put into that line"},
        {"show", OPTION_FLAG, &step.show, 0, 0, NULL, "print the file too when it is made"},
        {"again", OPTION_TEXT, &again, 0, 0, "REASON", "make it again if this is not empty"},
        {"always", OPTION_FLAG, &always, 0, 0, NULL, "compare nothing and keep nothing: it is soon made"},
        {"no-store", OPTION_FLAG, &no_store, 0, 0, NULL, "its inputs are not all that it is made from"},
        {0}};
    const struct command command = {"step", "TARGET COMMAND PREREQUISITE...", "Makes one file of the graph.", details,
                                    options, 2, -1};
    struct error error;
    struct step_time taken;
    char time_text[32] = "restored";
    int first = command_line_parse(&command, argc, argv);
    const char *store = no_store || always ? "" : from_environment("STORE");
    bool may_be_same = !always && again[0] == '\0';
    step.target = argv[first];
    step.command = argv[first + 1];
    step_run_catch_signals();
    if (step_record_recipe(&step.recipe, step.command, argv + first + 2, (size_t)(argc - first - 2),
                           from_environment("BIN"), &error) != 0)
        die_error(&error);
    int touched = may_be_same ? step_record_touch(step.target, &step.recipe, &error) : 0;
    if (touched < 0)
        die_error(&error);
    if (touched == 0 && (store[0] == '\0' || !may_be_same || !restore(&step, store))) {
        set_environment(alike);
        run(&step, store, &taken);
        snprintf(time_text, sizeof time_text, "%8.1f s", taken.seconds);
    }
    if (touched == 0)
        say(&step, time_text);
    if (step.part.file >= 0)
        part_file_release(&step.part);
    recipe_release(&step.recipe);
    return EXIT_SUCCESS;
}
