# A directory may hold a library in glibc-hwcaps alone: worse CPUs do not find it there, and search on.
lib best/glibc-hwcaps/x86-64-v3/liba.so
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/best:$PWD/l"
told levels
