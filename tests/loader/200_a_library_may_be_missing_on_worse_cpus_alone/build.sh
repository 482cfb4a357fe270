# A library that exists for a better level alone is missing to the loaders of worse CPUs.
lib l/glibc-hwcaps/x86-64-v3/liba.so
program l/glibc-hwcaps/x86-64-v3/liba.so "-Wl,-rpath,$PWD/l"
told levels
