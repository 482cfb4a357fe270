# LD_LIBRARY_PATH is searched behind DT_RPATH.
lib run/liba.so
lib env/liba.so
lib env/libb.so
program run/liba.so env/libb.so "-Wl,--disable-new-dtags,-rpath,$PWD/run"
option --library-path "$PWD/env"
