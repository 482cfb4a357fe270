/* A case's program: when TELL is set it tells what is mapped, with NULs between.
   glibc: the files' real paths, once each; musl: the opened paths in the loader's order. */
#define _GNU_SOURCE
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int named(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size, (void)data;
    printf("%s%c", info->dlpi_name, 0);
    return 0;
}

int main(void)
{
    if (!getenv("TELL"))
        return 0;
#ifdef __GLIBC__
    static char line[9000];
    (void)named;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        char *path = strchr(line, '/');
        if (path)
            printf("%.*s%c", (int)strcspn(path, "\n"), path, 0);
    }
#else
    dl_iterate_phdr(named, 0);
#endif
}
