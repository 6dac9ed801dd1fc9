#include "choose_kernels.h"

#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* The sets of this processor as "baseline, avx2". */
static const char *available(char text[sizeof KERNELS_CHOICES * 2])
{
    char choices[] = KERNELS_CHOICES;
    text[0] = '\0';
    for (char *rest = choices, *name; (name = strtok_r(rest, "|", &rest)) != NULL;)
        if (strcmp(name, "auto") != 0 && kernels_select(name) != NULL)
            strcat(strcat(text, text[0] != '\0' ? ", " : ""), name);
    return text;
}

int choose_kernels(struct kernels *kernels, const char *engine, const char *option, struct error *error)
{
    const char *origin = "--kernels", *set = option;
    char names[sizeof KERNELS_CHOICES * 2];
    if (set == NULL) {
        origin = "BITFAST_ISA";
        set = getenv(origin);
    }
    if (set == NULL || set[0] == '\0')
        set = "auto";
    if (kernels_select(set) == NULL)
        return error_set(error, "%s: this processor has no kernels '%s', expected auto or one of %s", origin, set,
                         available(names));
    return engine_select(kernels, engine, set, error);
}
