#define _DEFAULT_SOURCE /* wait4 */
#include "step_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t caught, child;
static pid_t parent;

static void end_command(int number)
{
    caught = number;
    if (child > 0)
        kill(-child, SIGTERM);
}

/* The terminal stops only our group. */
static void pause_command(int number)
{
    int saved = errno;
    (void)number;
    if (child > 0)
        kill(-child, SIGSTOP);
    raise(SIGSTOP);
    if (child > 0)
        kill(-child, SIGCONT);
    errno = saved;
}

static void catch(int number, void (*handler)(int))
{
    struct sigaction action, before;
    if (sigaction(number, NULL, &before) != 0 || before.sa_handler == SIG_IGN)
        return;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void step_run_catch_signals(void)
{
    parent = getppid();
    catch(SIGINT, end_command);
    catch(SIGTERM, end_command);
    catch(SIGHUP, end_command);
    catch(SIGTSTP, pause_command);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

int step_run_signal(void)
{
    return caught;
}

/* The signals that we catch, blocked or as they were. */
static void block_signals(sigset_t *before)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTSTP);
    sigprocmask(SIG_BLOCK, &set, before);
}

/* The signals are blocked until they would end it. */
_Noreturn static void become(const char *command, pid_t step, int output, int errors, const sigset_t *mask)
{
    setpgid(0, 0);
    catch(SIGINT, SIG_DFL);
    catch(SIGTERM, SIG_DFL);
    catch(SIGHUP, SIG_DFL);
    catch(SIGTSTP, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    signal(SIGTTOU, SIG_IGN); /* it is not the terminal's group, but may write to it */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != step || dup2(output, STDOUT_FILENO) < 0 || (errors >= 0 && dup2(errors, STDERR_FILENO) < 0))
        _exit(126);
    /* A single command takes the shell's place, and so is what ends with us. */
    bool is_single = command[strcspn(command, "|&;(){}!")] == '\0';
    execl("/bin/bash", "bash", "-u", "-o", "pipefail", "-c", is_single ? "eval \"exec $1\"" : "eval \"$1\"", "step",
          command, (char *)NULL);
    _exit(127);
}

static void write_all(int file, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(file, bytes, size);
        if (written < 0 && errno != EINTR)
            return;
        bytes += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
}

/* Lets the first line through, and takes the rest so that nobody waits. */
static void pass_first_line(int from)
{
    char buffer[4096];
    int is_first = 1;
    for (;;) {
        ssize_t got = read(from, buffer, sizeof buffer);
        if (got == 0 || (got < 0 && errno != EINTR))
            return;
        if (got < 0 || !is_first)
            continue;
        const char *end = memchr(buffer, '\n', (size_t)got);
        is_first = end == NULL;
        write_all(STDERR_FILENO, buffer, end != NULL ? (size_t)(end - buffer) + 1 : (size_t)got);
    }
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int wait_for(pid_t process, struct step_result *result, struct error *error)
{
    struct rusage usage;
    int status;
    while (wait4(process, &status, 0, &usage) < 0)
        if (errno != EINTR)
            return error_set_errno(error, "cannot wait for the command");
    result->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    result->peak_memory = usage.ru_maxrss;
    return 0;
}

int step_run(const char *command, int output, struct step_result *result, struct error *error)
{
    int ends[2] = {-1, -1};
    double started = now();
    pid_t step = getpid();
    *result = (struct step_result){0};
    if (strchr(command, '|') != NULL) {
        if (pipe(ends) != 0)
            return error_set_errno(error, "cannot start the command");
        fcntl(ends[0], F_SETFD, FD_CLOEXEC);
        fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    }
    sigset_t mask;
    block_signals(&mask);
    pid_t process = fork();
    if (process == 0)
        become(command, step, output, ends[1], &mask);
    int number = errno;
    if (process > 0) {
        setpgid(process, process);
        child = process;
    }
    sigprocmask(SIG_SETMASK, &mask, NULL);
    if (ends[1] >= 0)
        close(ends[1]);
    if (process > 0 && caught != 0) /* before it was there */
        kill(-process, SIGTERM);
    if (process > 0 && ends[0] >= 0)
        pass_first_line(ends[0]);
    if (ends[0] >= 0)
        close(ends[0]);
    errno = number;
    if (process < 0)
        return error_set_errno(error, "cannot start the command");
    int status = wait_for(process, result, error);
    child = 0;
    result->seconds = now() - started;
    result->is_orphan = getppid() != parent;
    return status;
}
