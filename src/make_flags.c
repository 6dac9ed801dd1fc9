#include "make_flags.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "number.h"
#include "parallel.h"

/* The options are words; the variables of the command line follow after " -- ". */
int make_flags_jobs(const char *flags)
{
    const char *variables = strstr(flags, " -- "), *end = variables != NULL ? variables : flags + strlen(flags);
    const char *option = strncmp(flags, "-j", 2) == 0 ? flags : strstr(flags, " -j");
    if (option == NULL || option >= end)
        return 1;
    option += option[0] == ' ' ? 3 : 2;
    char digits[16] = "";
    size_t length = strspn(option, "0123456789");
    int64_t jobs;
    struct error ignored;
    if (length < sizeof digits)
        strncat(digits, option, length);
    return number_parse_integer(digits, 1, INT_MAX, &jobs, &ignored) == 0 ? (int)jobs : INT_MAX;
}

int make_flags_threads(const char *flags, const char *threads, int alike)
{
    struct error ignored;
    int64_t all = 0;
    int jobs = make_flags_jobs(flags);
    if (number_parse_integer(threads, 1, PARALLEL_THREADS_MAX, &all, &ignored) != 0)
        all = parallel_processors();
    if (jobs > alike)
        jobs = alike;
    return all / jobs > 1 ? (int)all / jobs : 1;
}
