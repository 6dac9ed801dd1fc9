#include "command_line.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "number.h"

enum { OPTIONS_MAX = 48, HELP_COLUMN = 30 };

static const char *program_name = "bitfast";
static int failure_status = 1;

static void print_message(const char *format, va_list arguments)
{
    char message[ERROR_MESSAGE_BYTES];
    fflush(stdout);
    vsnprintf(message, sizeof message, format, arguments);
    for (char *at = message; *at != '\0'; at++) /* names from files may hold anything, such as a line break */
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    fprintf(stderr, "%s: %s\n", program_name, message);
}

void set_failure_status(int status)
{
    failure_status = status;
}

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message(format, arguments);
    va_end(arguments);
    exit(failure_status);
}

void die_error(const struct error *error)
{
    die("%s", error->message);
}

void die_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message(format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s: try '%s --help'\n", program_name, program_name);
    exit(2);
}

void *allocate_or_die(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
    if (memory == NULL)
        die("no memory for %zu times %zu bytes", count, size);
    return memory;
}

int close_output(void)
{
    struct stat status;
    int failed = fflush(stdout) != 0 || ferror(stdout);
    if (!failed && fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode))
        failed = fsync(STDOUT_FILENO) != 0;
    if (failed || fclose(stdout) != 0)
        die("cannot write to standard output: %s", strerror(errno));
    return 0;
}

static void print_default(const struct option *option)
{
    if (option->type == OPTION_INTEGER)
        printf(" [%" PRId64 "; %.0f to %.0f]", *(const int64_t *)option->value, option->minimum, option->maximum);
    else if (option->type == OPTION_REAL)
        printf(" [%g; %g to %g]", *(const double *)option->value, option->minimum, option->maximum);
    else if ((option->type == OPTION_TEXT || option->type == OPTION_CHOICE) &&
             *(const char *const *)option->value != NULL)
        printf(" [%s]", *(const char *const *)option->value);
}

static void print_help(const struct command *command)
{
    printf("usage: %s [OPTION]... %s\n%s\n", command->name, command->synopsis, command->purpose);
    if (command->details != NULL)
        printf("\n%s\n", command->details);
    printf("\noptions [default; range]:\n");
    for (const struct option *option = command->options; option->name != NULL; option++) {
        static const char *const words[] = {[OPTION_INTEGER] = "N", [OPTION_REAL] = "X", [OPTION_TEXT] = "TEXT"};
        const char *word = option->choices != NULL ? option->choices : words[option->type];
        int width = printf("  --%s%s%s", option->name, word != NULL ? "=" : "", word != NULL ? word : "");
        printf("%*s%s", width < HELP_COLUMN ? HELP_COLUMN - width : 1, "", option->help);
        print_default(option);
        putchar('\n');
    }
    printf("  --help%*sthis text\n", HELP_COLUMN - 8, "");
}

static int is_choice(const char *choices, const char *word)
{
    size_t length = strlen(word);
    if (length == 0 || strchr(word, '|') != NULL)
        return 0;
    for (const char *at = choices; at != NULL; at = strchr(at, '|')) {
        at += at[0] == '|';
        if (strncmp(at, word, length) == 0 && (at[length] == '|' || at[length] == '\0'))
            return 1;
    }
    return 0;
}

static int append_text(const struct option *option, const char *text, struct error *error)
{
    const char **values = option->value;
    size_t count = 0;
    while (values[count] != NULL)
        count++;
    if (count == (size_t)option->maximum)
        return error_set(error, "is given more than %zu times", count);
    values[count] = text;
    values[count + 1] = NULL;
    return 0;
}

static void set_value(const struct option *option, const char *text)
{
    struct error error;
    int status = 0;
    if (option->type == OPTION_FLAG)
        *(bool *)option->value = true;
    else if (option->type == OPTION_INTEGER)
        status = number_parse_integer(text, (int64_t)option->minimum, (int64_t)option->maximum, option->value, &error);
    else if (option->type == OPTION_REAL)
        status = number_parse_real(text, option->minimum, option->maximum, option->value, &error);
    else if (option->type == OPTION_CHOICE && !is_choice(option->choices, text))
        status = error_set(&error, "'%s' is none of %s", text, option->choices);
    else if (option->type == OPTION_TEXTS)
        status = append_text(option, text, &error);
    else
        *(const char **)option->value = text;
    if (status != 0)
        die_usage("--%s: %s", option->name, error.message);
}

static void read_option(const struct command *command, const char *argument)
{
    const char *names[OPTIONS_MAX + 1] = {"help"};
    size_t count = 1, length = strcspn(argument, "=");
    for (const struct option *option = command->options; option->name != NULL; option++) {
        if (strlen(option->name) == length && strncmp(option->name, argument, length) == 0) {
            const char *value = argument[length] == '=' ? argument + length + 1 : NULL;
            if (value == NULL && option->type != OPTION_FLAG)
                die_usage("--%s needs a value, as in --%s=%s", option->name, option->name,
                          option->choices != NULL ? option->choices : "1");
            if (value != NULL && option->type == OPTION_FLAG)
                die_usage("--%s takes no value, found '%s'", option->name, value);
            set_value(option, value);
            return;
        }
        if (count <= OPTIONS_MAX)
            names[count++] = option->name;
    }
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), argument);
    const char *nearest = number_nearest_name(word, names, count);
    if (nearest != NULL)
        die_usage("unknown option '--%s'; the nearest is '--%s'", word, nearest);
    die_usage("unknown option '--%s'", word);
}

int command_line_parse(const struct command *command, int argc, char **argv)
{
    program_name = command->name;
    for (int number = 0; number <= STDERR_FILENO; number++)
        if (fcntl(number, F_GETFD) == -1 &&
            open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY) != number)
            exit(failure_status);
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (argv[at][2] == '\0') {
            at++;
            break;
        }
        if (strcmp(argv[at], "--help") == 0) {
            print_help(command);
            exit(close_output());
        }
        read_option(command, argv[at] + 2);
    }
    if (at < argc && argv[at][0] == '-' && argv[at][1] != '\0' && strcmp(argv[at - 1], "--") != 0)
        die_usage("unknown option '%s'; options are written --name=value", argv[at]);
    for (int i = at; i < argc && strcmp(argv[at - 1], "--") != 0; i++)
        if (strncmp(argv[i], "--", 2) == 0)
            die_usage("the option '%s' must stand before the operand '%s'", argv[i], argv[at]);
    if (argc - at < command->operands_min)
        die_usage("an operand is missing: %s %s", command->name, command->synopsis);
    if (command->operands_max >= 0 && argc - at > command->operands_max)
        die_usage("one operand too many: '%s'", argv[at + command->operands_max]);
    return at;
}
