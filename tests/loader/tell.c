/* Preloaded into each process that a script starts: what was started, with which words, and what is mapped. */
#define _GNU_SOURCE
#include <link.h>
#include <stdio.h>
#include <sys/auxv.h>

static int named(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size, (void)data;
    dprintf(2, "%s%c", info->dlpi_name, 0);
    return 0;
}

__attribute__((constructor)) static void tell(int argc, char **argv)
{
    dprintf(2, "%s%c", (const char *)getauxval(AT_EXECFN), 0);
    for (int i = 0; i < argc; i++)
        dprintf(2, "%s%c", argv[i], 0);
    dprintf(2, "%c", 1);
    dl_iterate_phdr(named, 0);
    dprintf(2, "%c", 2);
}
