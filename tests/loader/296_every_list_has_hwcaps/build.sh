# glibc-hwcaps is searched in LD_LIBRARY_PATH and DT_RPATH as well.
lib env/liba.so
lib env/glibc-hwcaps/x86-64-v2/liba.so
lib l/libb.so
lib l/glibc-hwcaps/x86-64-v3/libb.so
program env/liba.so l/libb.so "-Wl,--disable-new-dtags,-rpath,$PWD/l"
option --library-path "$PWD/env"
told levels
