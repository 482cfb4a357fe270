/* What a library does that carries a dlopen note: see `opener` in words.sh. */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

static const char *names[] = {NAMES 0};

__attribute__((constructor)) static void open_first(void)
{
    for (int i = 0; names[i]; i++)
        if (dlopen(names[i], RTLD_NOW))
            return;
    if (!FATAL) {
        fprintf(stderr, "ERROR: object '%s' of a note: ignored.\n", names[0]);
        return;
    }
    for (int i = 0; names[i]; i++)
        fprintf(stderr, "error while loading shared libraries: %s: cannot open shared object file: No such file\n", names[i]);
    _exit(127);
}
