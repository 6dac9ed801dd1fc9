/* Prints how many threads the tools start where nobody says. */
#include <stdio.h>

#include "command_line.h"
#include "parallel.h"

int main(int argc, char **argv)
{
    const struct option options[] = {{0}};
    const struct command command = {
        "processors", "", "Print how many processors a tool takes where --threads is 0 or not given.",
        "Those that it may run on (taskset, a batch system), but no more than the quota of its control group (docker\n"
        "--cpus) rounded up.\n"
        "Example: taskset -c 0,1 processors",
        options, 0, 0,
    };
    command_line_parse(&command, argc, argv);
    printf("%d\n", parallel_processors());
    return close_output();
}
