/* Prints where, when and with what a run was made. */
#define _DEFAULT_SOURCE /* gethostname */
#include <errno.h>
#include <fftw3.h>
#include <gnu/libc-version.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <sndfile.h>
#include <soxr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "choose_kernels.h"
#include "command_line.h"
#include "parallel.h"
#include "step_record.h"

static const char details[] =
    "Prints a run's environment.json: command, user, host, the time and memory that the steps in its record took, the\n"
    "processor, the compiler and the libraries, and the revision of the code. No other file depends on it.\n"
    "\n"
    "example: run-environment --command='make local_train' results/A/B/record.json";

/* The times of all steps of the record together; unknown ones are null. */
static void add_times(json_t *all, const char *path)
{
    json_error_t problem;
    json_t *record = json_load_file(path, 0, &problem), *steps = json_object_get(record, "steps");
    if (record == NULL)
        die("%s: %s", path, problem.text);
    double started = 0, finished = 0, seconds = 0, memory = 0;
    for (size_t i = 0; i < json_array_size(steps); i++) {
        struct step_time one;
        const char *made = json_string_value(json_object_get(json_array_get(steps, i), "path"));
        if (made == NULL || !step_record_find_time(made, &one))
            continue;
        seconds += one.seconds;
        memory = one.peak_memory > memory ? one.peak_memory : memory;
        if (one.finished <= 0)
            continue;
        finished = one.finished > finished ? one.finished : finished;
        started = started == 0 || one.finished - one.seconds < started ? one.finished - one.seconds : started;
    }
    json_decref(record);
    const double times[2] = {started, finished};
    static const char *const names[2] = {"started", "finished"};
    for (int k = 0; k < 2; k++) {
        char text[32] = "";
        time_t when = (time_t)times[k];
        struct tm parts;
        if (times[k] > 0 && gmtime_r(&when, &parts) != NULL)
            strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
        json_object_set_new(all, names[k], text[0] != '\0' ? json_string(text) : json_null());
    }
    json_object_set_new(all, "seconds", seconds > 0 ? json_real(seconds) : json_null());
    json_object_set_new(all, "peak_memory_bytes", memory > 0 ? json_integer((json_int_t)memory * 1024) : json_null());
}

/* What follows `name` and the separator in the first such line of a file. */
static json_t *find_line(const char *path, const char *name)
{
    char line[512];
    json_t *found = NULL;
    FILE *stream = fopen(path, "r");
    while (stream != NULL && found == NULL && fgets(line, sizeof line, stream) != NULL) {
        char *value = line + strlen(name);
        if (strncmp(line, name, strlen(name)) != 0)
            continue;
        value += strspn(value, " \t:=\"");
        value[strcspn(value, "\"\n")] = '\0';
        found = json_string(value);
    }
    if (stream != NULL)
        fclose(stream);
    return found != NULL ? found : json_null();
}

static void add_place(json_t *all, const char *command)
{
    char host[256] = "";
    const struct passwd *user = getpwuid(geteuid());
    gethostname(host, sizeof host - 1);
    json_object_set_new(all, "command", command != NULL ? json_string(command) : json_null());
    json_object_set_new(all, "user", user != NULL ? json_string(user->pw_name) : json_integer(geteuid()));
    json_object_set_new(all, "host", json_string(host));
}

/* "1.2.0" for "libsndfile-1.2.0". */
static const char *version(const char *text)
{
    const char *dash = strchr(text, '-');
    return dash != NULL ? dash + 1 : text;
}

static void add_machine(json_t *all)
{
    struct kernels kernels;
    struct error error;
    struct utsname system;
    char kernel[2 * sizeof system.sysname + 2 * sizeof system.machine] = "";
    if (uname(&system) == 0)
        snprintf(kernel, sizeof kernel, "%s %s %s", system.sysname, system.release, system.machine);
    int chosen = choose_kernels(&kernels, "exact", NULL, &error);
    json_object_set_new(all, "cpu", find_line("/proc/cpuinfo", "model name"));
    json_object_set_new(all, "cores", json_integer(parallel_processors()));
    json_object_set_new(all, "kernels", chosen == 0 ? json_string(kernels.name) : json_null());
    json_t *distribution = find_line("/etc/os-release", "PRETTY_NAME");
    const char *known = json_string_value(distribution);
    json_object_set_new(all, "system",
                        json_sprintf("%s%s%s", known != NULL ? known : "", known != NULL ? ", " : "", kernel));
    json_decref(distribution);
#ifdef __clang__
    json_object_set_new(all, "compiler", json_string(__VERSION__));
#else
    json_object_set_new(all, "compiler", json_string("gcc " __VERSION__));
#endif
    json_object_set_new(all, "libraries",
                        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "sndfile", version(sf_version_string()),
                                  "soxr", version(soxr_version()), "fftw", version(fftw_version), "jansson", jansson_version_str(), "libcrypto",
                                  OpenSSL_version(OPENSSL_VERSION), "libc", gnu_get_libc_version()));
}

static void add_code(json_t *all, const char *revision, const char *diff)
{
    struct stat status;
    bool is_known = revision != NULL && revision[0] != '\0';
    bool is_dirty = diff != NULL && stat(diff, &status) == 0 && status.st_size > 0;
    const char *slash = diff != NULL ? strrchr(diff, '/') : NULL;
    json_object_set_new(all, "code", json_pack("{s:o, s:o, s:o}", "revision",
                                               is_known ? json_string(revision) : json_null(), "dirty",
                                               is_known ? json_boolean(is_dirty) : json_null(), "diff",
                                               is_dirty ? json_string(slash != NULL ? slash + 1 : diff) : json_null()));
}

int main(int argc, char **argv)
{
    const char *typed = NULL, *revision = NULL, *diff = NULL;
    const struct option options[] = {
        {"command", OPTION_TEXT, &typed, 0, 0, "TEXT", "what was typed"},
        {"revision", OPTION_TEXT, &revision, 0, 0, "TEXT", "the code's, if it is known"},
        {"diff", OPTION_TEXT, &diff, 0, 0, "FILE", "how the code differs from that; empty if it does not"},
        {0}};
    const struct command command = {"run-environment", "RECORD", "Prints where, when and with what a run was made.",
                                    details, options, 1, 1};
    int first = command_line_parse(&command, argc, argv);
    json_t *all = json_object();
    add_place(all, typed);
    add_times(all, argv[first]);
    add_machine(all);
    add_code(all, revision, diff);
    if (json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) != 0)
        die("cannot write to standard output: %s", strerror(errno));
    putchar('\n');
    json_decref(all);
    return close_output();
}
