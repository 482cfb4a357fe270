# glibc-hwcaps is searched in the default directories as well.
root
lib usr/lib/liba.so
lib usr/lib/glibc-hwcaps/x86-64-v3/liba.so
program usr/lib/liba.so
told levels
