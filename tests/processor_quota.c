/* processor_quota.h: the files that control groups have, made in a directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "parallel.h"
#include "processor_quota.h"

static char root[] = "/tmp/bitfast-test-XXXXXX";

/* Writes a file below the root, and the directories that it is in. */
static void put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    fputs(text, stream);
    assert_int_equal(fclose(stream), 0);
}

static int begin(void **state)
{
    (void)state;
    strcpy(root + strlen(root) - 6, "XXXXXX");
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int end(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void no_files(void **state)
{
    (void)state;
    assert_int_equal(processor_quota(root), 0);
    put("proc/self/cgroup", "0::/\n");
    assert_int_equal(processor_quota(root), 0);
    put("proc/self/cgroup", "");
    assert_int_equal(processor_quota(root), 0);
}

static void version_2(void **state)
{
    static const struct {
        const char *text;
        int processors;
    } rows[] = {{"max 100000\n", 0}, {"100000 100000\n", 1}, {"200000 100000\n", 2}, {"150000 100000\n", 2},
                {"1000 100000\n", 1}, {"250000 50000", 5}, {"9000000000000 1\n", INT32_MAX},
                {"", 0}, {"100000\n", 0}, {"max", 0}, {"0 100000\n", 0}, {"100000 0\n", 0}, {"-1 100000\n", 0},
                {"1e5 100000\n", 0}, {"100000 100000 \n", 0}, {"two processors\n", 0}};
    (void)state;
    put("proc/self/cgroup", "0::/a/b\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put("sys/fs/cgroup/a/b/cpu.max", rows[i].text);
        assert_int_equal(processor_quota(root), rows[i].processors);
    }
}

static void nested(void **state)
{
    (void)state;
    put("proc/self/cgroup", "0::/a/b/c\n");
    put("sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n");
    assert_int_equal(processor_quota(root), 4);
    put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put("sys/fs/cgroup/a/cpu.max", "300000 100000\n");
    put("sys/fs/cgroup/other/cpu.max", "100000 100000\n");
    assert_int_equal(processor_quota(root), 3);
    put("sys/fs/cgroup/a/b/c/cpu.max", "200000 100000\n");
    assert_int_equal(processor_quota(root), 2);
    put("sys/fs/cgroup/cpu.max", "100000 100000\n");
    assert_int_equal(processor_quota(root), 1);
}

static void version_1(void **state)
{
    (void)state;
    put("proc/self/cgroup", "5:memory:/a\n4:cpuset:/a\n3:cpuacct,cpu:/b\n1:name=systemd:/a\n0::/a\n");
    put("sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n");
    put("sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
    put("sys/fs/cgroup/cpu/b/cpu.cfs_quota_us", "-1\n");
    put("sys/fs/cgroup/cpu/b/cpu.cfs_period_us", "100000\n");
    assert_int_equal(processor_quota(root), 0);
    put("sys/fs/cgroup/cpu/b/cpu.cfs_quota_us", "610000\n");
    assert_int_equal(processor_quota(root), 7);
    put("sys/fs/cgroup/cpu/b/cpu.cfs_period_us", "50000\n");
    assert_int_equal(processor_quota(root), 13);
}

/* A container without a name space of its own for groups: the host's path, of which the root is mounted. */
static void container(void **state)
{
    (void)state;
    put("proc/self/cgroup", "4:cpu:/docker/0123456789\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "200000\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(processor_quota(root), 2);
}

static void damaged(void **state)
{
    static const char *const texts[] = {"\n", "0\n", "0:\n", "0::\n", "::\n", "0::a\n", "0::/../..\n", ":cpu:\n"};
    char text[20000];
    (void)state;
    put("sys/fs/cgroup/cpu.max", "max 100000\n");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put("proc/self/cgroup", texts[i]);
        assert_int_equal(processor_quota(root), 0);
    }
    memset(text, '/', sizeof text);
    memcpy(text, "0::", 3);
    strcpy(text + sizeof text - 2, "\n");
    put("proc/self/cgroup", text);
    assert_int_equal(processor_quota(root), 0);
}

static void here(void **state)
{
    int quota = processor_quota("");
    (void)state;
    assert_true(parallel_processors() >= 1);
    assert_true(quota == 0 || parallel_processors() <= quota);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_files, begin, end), cmocka_unit_test_setup_teardown(version_2, begin, end),
        cmocka_unit_test_setup_teardown(nested, begin, end), cmocka_unit_test_setup_teardown(version_1, begin, end),
        cmocka_unit_test_setup_teardown(container, begin, end), cmocka_unit_test_setup_teardown(damaged, begin, end),
        cmocka_unit_test(here),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
