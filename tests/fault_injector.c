/* Runs a command and lets one of its system calls that change files fail, or kills the command there.
 *
 * A seccomp filter, which every descendant inherits, stops a process at such calls only; this program, their tracer,
 * sees them whoever makes them: make, the shell, gnuplot, a tool. Calls are numbered from 1 in the order in which they
 * are seen. What goes to a terminal, a pipe, /dev, or to this program's own standard output and error is not counted:
 * messages are not results. A mapped page that is written to makes no call. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command_line.h"

/* Which argument says what file: a descriptor, a path, or a path with the flags of open behind it. CLOSE is a
 * descriptor that may have been read only, CLONE one of ioctl, which does much else. */
enum kind { DESCRIPTOR, PATH, OPEN, CLOSE, CLONE };

static const struct call {
    long number;
    const char *name;
    enum kind kind;
    int argument;
} calls[] = {
    {SYS_write, "write", DESCRIPTOR, 0}, {SYS_pwrite64, "pwrite", DESCRIPTOR, 0}, {SYS_writev, "writev", DESCRIPTOR, 0},
    {SYS_pwritev, "pwritev", DESCRIPTOR, 0}, {SYS_pwritev2, "pwritev2", DESCRIPTOR, 0},
    {SYS_sendfile, "sendfile", DESCRIPTOR, 0}, {SYS_copy_file_range, "copy_file_range", DESCRIPTOR, 2},
    {SYS_splice, "splice", DESCRIPTOR, 2}, {SYS_ioctl, "clone", CLONE, 0}, {SYS_fsync, "fsync", DESCRIPTOR, 0},
    {SYS_fdatasync, "fdatasync", DESCRIPTOR, 0}, {SYS_ftruncate, "ftruncate", DESCRIPTOR, 0},
    {SYS_fallocate, "fallocate", DESCRIPTOR, 0}, {SYS_fchmod, "fchmod", DESCRIPTOR, 0}, {SYS_close, "close", CLOSE, 0},
    {SYS_openat, "open", OPEN, 1}, {SYS_truncate, "truncate", PATH, 0}, {SYS_mkdirat, "mkdir", PATH, 1},
    {SYS_unlinkat, "unlink", PATH, 1}, {SYS_linkat, "link", PATH, 3}, {SYS_symlinkat, "symlink", PATH, 2},
    {SYS_renameat, "rename", PATH, 3}, {SYS_renameat2, "rename", PATH, 3}, {SYS_utimensat, "utimens", PATH, 1},
    {SYS_fchmodat, "chmod", PATH, 1},
#ifdef SYS_open /* the older calls, which newer architectures do not have */
    {SYS_open, "open", OPEN, 0}, {SYS_creat, "creat", PATH, 0}, {SYS_mkdir, "mkdir", PATH, 0},
    {SYS_rmdir, "rmdir", PATH, 0}, {SYS_unlink, "unlink", PATH, 0}, {SYS_link, "link", PATH, 1},
    {SYS_symlink, "symlink", PATH, 1}, {SYS_rename, "rename", PATH, 1}, {SYS_chmod, "chmod", PATH, 0},
#endif
};
enum { CALLS = sizeof calls / sizeof calls[0], PATH_BYTES = 4096, OPTIONS = PTRACE_O_TRACESECCOMP |
    PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC };

/* --- The registers of a stopped process ------------------------------------------------------------------------ */
#ifdef __x86_64__
#define NUMBER(r) ((long)(r).orig_rax)
#define RESULT(r) ((r).rax)
static unsigned long long *argument(struct user_regs_struct *r, int i)
{
    return (unsigned long long *[]){&r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9}[i];
}
#else
#define NUMBER(r) ((long)(r).regs[8])
#define RESULT(r) ((r).regs[0])
static unsigned long long *argument(struct user_regs_struct *r, int i)
{
    return &r->regs[i];
}
#endif

static void read_registers(pid_t process, struct user_regs_struct *registers)
{
    memset(registers, 0, sizeof *registers);
    ptrace(PTRACE_GETREGSET, process, NT_PRSTATUS, &(struct iovec){registers, sizeof *registers});
}

static void write_registers(pid_t process, struct user_regs_struct *registers)
{
    ptrace(PTRACE_SETREGSET, process, NT_PRSTATUS, &(struct iovec){registers, sizeof *registers});
}

/* The call is not made and returns -1, with the error number. */
static void fail_call(pid_t process, struct user_regs_struct *registers, int error)
{
    RESULT(*registers) = (unsigned long long)-error;
#ifdef __x86_64__
    registers->orig_rax = -1ULL;
#else
    ptrace(PTRACE_SETREGSET, process, NT_ARM_SYSTEM_CALL, &(struct iovec){&(int){-1}, sizeof(int)});
#endif
    write_registers(process, registers);
}

/* --- Which calls count ------------------------------------------------------------------------------------------ */
static struct stat own[2]; /* of standard output and error */

/* Whether it is a file on a disk, and not where this program itself writes to; its path for the reader. */
static int is_file(pid_t process, unsigned long long descriptor, char *path)
{
    struct stat status;
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)process, (int)descriptor);
    if (stat(link, &status) != 0 || !S_ISREG(status.st_mode))
        return 0;
    for (int i = 0; i < 2; i++)
        if (status.st_dev == own[i].st_dev && status.st_ino == own[i].st_ino)
            return 0;
    ssize_t length = readlink(link, path, PATH_BYTES - 1);
    path[length < 0 ? 0 : length] = '\0';
    return 1;
}

static int may_write(pid_t process, unsigned long long descriptor)
{
    char name[64];
    unsigned flags = 0;
    snprintf(name, sizeof name, "/proc/%d/fdinfo/%d", (int)process, (int)descriptor);
    FILE *file = fopen(name, "r");
    if (file == NULL)
        return 0;
    int read = fscanf(file, "pos: %*d flags: %o", &flags);
    fclose(file);
    return read == 1 && (flags & O_ACCMODE) != O_RDONLY;
}

static void read_path(pid_t process, unsigned long long address, char *path)
{
    /* Page by page: what lies behind the string may not be mapped. */
    size_t got = 0;
    for (ssize_t part = 1; part > 0 && got < PATH_BYTES - 1 && memchr(path, '\0', got) == NULL; got += (size_t)part) {
        size_t want = 4096 - (address + got) % 4096;
        want = want < PATH_BYTES - 1 - got ? want : PATH_BYTES - 1 - got;
        part = process_vm_readv(process, &(struct iovec){path + got, want}, 1,
                                &(struct iovec){(void *)(address + got), want}, 1, 0); // NOLINT
        if (part < 0)
            break;
    }
    path[got] = '\0';
}

/* The call that the process is stopped at if it changes a file, or a null pointer. */
static const struct call *find_call(pid_t process, struct user_regs_struct *registers, char *path)
{
    const struct call *call = calls;
    while (call < calls + CALLS && call->number != NUMBER(*registers))
        call++;
    if (call == calls + CALLS)
        return NULL;
    unsigned long long value = *argument(registers, call->argument);
    switch (call->kind) {
    case CLONE:
        if (*argument(registers, 1) != FICLONE)
            return NULL;
        return is_file(process, value, path) ? call : NULL;
    case CLOSE:
        return is_file(process, value, path) && may_write(process, value) ? call : NULL;
    case DESCRIPTOR:
        return is_file(process, value, path) ? call : NULL;
    case OPEN:
        if ((*argument(registers, call->argument + 1) & (O_ACCMODE | O_CREAT | O_TRUNC)) == O_RDONLY)
            return NULL;
        break;
    case PATH:
        if (value == 0) /* utimensat of a descriptor */
            return is_file(process, *argument(registers, 0), path) ? call : NULL;
        break;
    }
    read_path(process, value, path);
    return strncmp(path, "/dev/", 5) != 0 && strncmp(path, "/proc/", 6) != 0 ? call : NULL;
}

/* --- The command ------------------------------------------------------------------------------------------------ */
static void install_filter(void)
{
    struct sock_filter program[CALLS + 3];
    size_t length = 0;
    program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < CALLS; i++)
        program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].number,
                                                         (unsigned char)(CALLS - i), 0);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){(unsigned short)length, program}) != 0)
        die("cannot filter system calls: %s", strerror(errno));
}

/* Starts the command, traced, in a process group of its own. */
static pid_t start(char **command)
{
    int ready[2];
    char byte;
    if (pipe2(ready, O_CLOEXEC) != 0)
        die("cannot make a pipe: %s", strerror(errno));
    pid_t process = fork();
    if (process == 0) {
        setpgid(0, 0);
        close(ready[1]);
        while (read(ready[0], &byte, 1) > 0)
            ;
        install_filter();
        execvp(command[0], command);
        die("%s: %s", command[0], strerror(errno));
    }
    if (process < 0 || ptrace(PTRACE_SEIZE, process, 0, OPTIONS) != 0)
        die("cannot trace '%s': %s", command[0], strerror(errno));
    close(ready[0]);
    close(ready[1]);
    return process;
}

struct plan {
    int64_t at;         /* the number of the call; 0: none */
    int error;          /* 0: kill */
    bool lasting;       /* later calls that take space fail too */
    bool group;         /* kill the whole group, not only the command itself */
    const char *when;
    FILE *list;
    pid_t command;
    int64_t calls;      /* seen so far */
    pid_t at_exit;      /* the process that is let into its call, and is dealt with when it comes out */
};

static void kill_now(const struct plan *plan)
{
    kill(plan->group ? -plan->command : plan->command, SIGKILL);
}

static int takes_space(const struct call *call)
{
    return call->kind == OPEN || call->kind == DESCRIPTOR || strstr("mkdir link symlink", call->name) != NULL;
}

static void print_call(const struct plan *plan, pid_t process, const char *name, const char *path)
{
    char file[64], program[64] = "?";
    snprintf(file, sizeof file, "/proc/%d/comm", (int)process);
    FILE *comm = fopen(file, "r");
    if (comm != NULL) {
        if (fscanf(comm, "%63[^\n]", program) != 1)
            strcpy(program, "?");
        fclose(comm);
    }
    fprintf(plan->list, "%" PRId64 " %s %s %s\n", plan->calls, program, name, path);
    fflush(plan->list);
}

/* At the entry of a call that the filter knows: returns how the process goes on. */
static int at_entry(struct plan *plan, pid_t process)
{
    struct user_regs_struct registers;
    char path[PATH_BYTES] = "";
    read_registers(process, &registers);
    const struct call *call = find_call(process, &registers, path);
    if (call == NULL)
        return PTRACE_CONT;
    plan->calls++;
    if (plan->list != NULL)
        print_call(plan, process, call->name, path);
    int here = plan->calls == plan->at;
    if (plan->error != 0 && (here || (plan->lasting && plan->at > 0 && plan->calls > plan->at && takes_space(call)))) {
        if (call->kind != CLOSE) {
            fail_call(process, &registers, plan->error);
            return PTRACE_CONT;
        }
        plan->at_exit = process; /* the file is closed all the same */
        return PTRACE_SYSCALL;
    }
    if (!here)
        return PTRACE_CONT;
    if (strcmp(plan->when, "entry") == 0) {
        kill_now(plan);
        return PTRACE_CONT;
    }
    if (strcmp(plan->when, "middle") == 0 && strcmp(call->name, "write") == 0) {
        *argument(&registers, 2) /= 2;
        write_registers(process, &registers);
    }
    plan->at_exit = process;
    return PTRACE_SYSCALL;
}

static void at_exit(struct plan *plan, pid_t process)
{
    struct user_regs_struct registers;
    plan->at_exit = 0;
    if (plan->error == 0) {
        kill_now(plan);
        return;
    }
    read_registers(process, &registers);
    RESULT(registers) = (unsigned long long)-plan->error;
    write_registers(process, &registers);
}

/* Goes on until the last process is gone, also those that outlive the command; tells `result` how that one ended. */
static void trace(struct plan *plan, int result)
{
    int status;
    pid_t process;
    while ((process = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
        if (process < 0)
            continue;
        if (!WIFSTOPPED(status)) {
            if (process == plan->command && write(result, &status, sizeof status) != sizeof status)
                die("cannot tell the status: %s", strerror(errno));
            continue;
        }
        int event = status >> 16, signal = WSTOPSIG(status), go_on = PTRACE_CONT;
        if (event == PTRACE_EVENT_SECCOMP) {
            go_on = at_entry(plan, process);
            signal = 0;
        } else if (event == PTRACE_EVENT_STOP) {
            if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
                go_on = PTRACE_LISTEN;
            signal = 0;
        } else if (event != 0) {
            signal = 0;
        } else if (signal == (SIGTRAP | 0x80)) {
            signal = 0;
            if (process == plan->at_exit)
                at_exit(plan, process);
        }
        ptrace((enum __ptrace_request)go_on, process, 0, signal); /* fails if it was killed meanwhile */
    }
}

int main(int argc, char **argv)
{
    struct plan plan = {.when = "entry"};
    const char *fail = NULL, *whom = NULL, *list = NULL;
    const struct option options[] = {
        {"at", OPTION_INTEGER, &plan.at, 0, 1e9, NULL, "number of the call; 0: none"},
        {"fail", OPTION_CHOICE, &fail, 0, 0, "ENOSPC|EIO", "the call is not made, and returns this error"},
        {"lasting", OPTION_FLAG, &plan.lasting, 0, 0, NULL, "so do all later calls that take space: a disk stays full"},
        {"kill", OPTION_CHOICE, &whom, 0, 0, "group|make", "SIGKILL to the process group, or to the command alone"},
        {"when", OPTION_CHOICE, &plan.when, 0, 0, "entry|middle|exit",
         "kill before the call, after it, or after half of a write"},
        {"list", OPTION_TEXT, &list, 0, 0, "FILE", "write a line for each call: number, program, call, file"},
        {0},
    };
    const struct command command = {
        "fault_injector", "COMMAND [ARGUMENT]...", "Run a command and let one of its calls that change files fail.",
        "Exits as the command does, at once, even if children of it live on; 128 + signal if it was killed.\n"
        "example: fault_injector --at=100 --kill=group --when=exit make local_train",
        options, 1, -1,
    };
    int operand = command_line_parse(&command, argc, argv), result[2], status;
    if ((plan.at > 0) != (fail != NULL || whom != NULL) || (fail != NULL && whom != NULL))
        die_usage("--at and one of --fail and --kill belong together");
    if (fail != NULL)
        plan.error = strcmp(fail, "EIO") == 0 ? EIO : ENOSPC;
    plan.group = whom != NULL && strcmp(whom, "group") == 0;
    if (list != NULL && (plan.list = fopen(list, "we")) == NULL)
        die("%s: %s", list, strerror(errno));
    fstat(STDOUT_FILENO, &own[0]);
    fstat(STDERR_FILENO, &own[1]);
    if (pipe2(result, O_CLOEXEC) != 0)
        die("cannot make a pipe: %s", strerror(errno));
    pid_t tracer = fork();
    if (tracer == 0) {
        setsid(); /* what kills this program's group does not take the tracer away from the living */
        plan.command = start(argv + operand);
        trace(&plan, result[1]);
        _exit(0);
    }
    close(result[1]);
    if (tracer < 0 || read(result[0], &status, sizeof status) != sizeof status)
        die("lost the command");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
