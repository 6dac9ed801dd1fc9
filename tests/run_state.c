/* The state of a run's directory: done, running, interrupted, changed. */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "part_file.h"
#include "run_state.h"

static const char run[] = "results/training/run";

static void save(const char *path, const char *text)
{
    struct error error;
    assert_int_equal(part_file_save(path, text, strlen(text), &error), 0);
}

static int enter_scratch(void **state)
{
    static char name[] = "/tmp/bitfast-run-state-XXXXXX";
    *state = mkdtemp(name);
    return *state == NULL || chdir(name) != 0 || mkdir("results", 0777) != 0 ||
           mkdir("results/training", 0777) != 0 || mkdir(run, 0777) != 0;
}

static int leave_scratch(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
    return chdir("/") != 0 || system(command) != 0;
}

/* sha256 of "abc": FIPS 180-4's example. */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define RECORD(path, sha256) "{\"outputs\": [{\"path\": \"" path "\", \"sha256\": \"" sha256 "\"}]}"

static void states(void **state)
{
    (void)state;
    struct part_file part;
    struct error error;
    assert_int_equal(run_state_find(run, true, NULL), RUN_INTERRUPTED);
    assert_int_equal(run_state_find("results/training/none", true, NULL), RUN_INTERRUPTED);

    assert_int_equal(part_file_open(&part, "results/training/epoch-001.safetensors", &error), 0);
    assert_int_equal(run_state_find(run, true, NULL), RUN_RUNNING);
    part_file_release(&part);
    assert_int_equal(run_state_find(run, true, NULL), RUN_INTERRUPTED);
    assert_int_equal(part_file_open(&part, "results/training/run/log.csv", &error), 0);
    assert_int_equal(run_state_find(run, false, NULL), RUN_RUNNING);
    part_file_release(&part);
    FILE *left = fopen("results/training/.epoch-001.safetensors.4.part", "w"); /* of a process that was killed */
    assert_non_null(left);
    fclose(left);
    assert_int_equal(run_state_find(run, true, NULL), RUN_INTERRUPTED);

    save("results/training/run/log.csv", "abc");
    save("results/training/run/record.json", RECORD("results/training/run/log.csv", ABC));
    assert_int_equal(run_state_find(run, true, &error), RUN_DONE);
    assert_int_equal(chdir("results"), 0);
    assert_int_equal(run_state_find("training/run", true, &error), RUN_DONE);
    assert_int_equal(chdir(".."), 0);

    save("results/training/run/log.csv", "abd");
    assert_int_equal(run_state_find(run, true, &error), RUN_CHANGED);
    assert_non_null(strstr(error.message, "results/training/run/log.csv: found sha256 "));
    assert_non_null(strstr(error.message, ", expected " ABC));
    assert_int_equal(run_state_find(run, false, NULL), RUN_DONE);
    assert_int_equal(unlink("results/training/run/log.csv"), 0);
    assert_int_equal(run_state_find(run, true, &error), RUN_CHANGED);
    assert_non_null(strstr(error.message, "log.csv: cannot be read"));
}

static void bad_records(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{", "[]", "{}", "{\"outputs\": []}", "{\"outputs\": 3}",
                                        "{\"outputs\": [3]}", "{\"outputs\": [{\"path\": 1, \"sha256\": 2}]}",
                                        "{\"outputs\": [{\"path\": \"results\"}]}", RECORD("results", ABC),
                                        "{\"outputs\": [], \"outputs\": []}", "\xff\xfe"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct error error = {""};
        save("results/training/run/record.json", texts[i]);
        assert_int_equal(run_state_find(run, true, &error), RUN_CHANGED);
        assert_true(error.message[0] != '\0');
    }
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(run_state_name(RUN_DONE), "done");
    assert_string_equal(run_state_name(RUN_RUNNING), "running");
    assert_string_equal(run_state_name(RUN_INTERRUPTED), "interrupted");
    assert_string_equal(run_state_name(RUN_CHANGED), "changed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(states), cmocka_unit_test(bad_records), cmocka_unit_test(names)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, enter_scratch, leave_scratch);
}
