# Subdirectories of glibc-hwcaps that the loader does not know are not searched.
lib l/liba.so
lib l/glibc-hwcaps/x86-64-v9/liba.so
lib l/glibc-hwcaps/power10/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
told levels
