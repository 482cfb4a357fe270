#include <stdio.h>

#include "../lib/greeting.h"

int main(void)
{
    char name[64] = "nobody";
    FILE *conf = fopen("/etc/greet.conf", "r");
    if (conf) {
        if (fscanf(conf, "name = %63s", name) != 1)
            fputs("/etc/greet.conf: no name\n", stderr);
        fclose(conf);
    }
    greet(name);
    return 0;
}
