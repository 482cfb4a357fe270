# LD_LIBRARY_PATH is searched for what any object needs, before ld.so.cache.
lib env/libm.so.6
lib l/liba.so env/libm.so.6
program l/liba.so "-Wl,-rpath,$PWD/l"
option --library-path "$PWD/env"
