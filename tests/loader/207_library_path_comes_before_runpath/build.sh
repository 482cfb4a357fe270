# LD_LIBRARY_PATH is searched before DT_RUNPATH.
lib run/liba.so
lib env/liba.so
program run/liba.so "-Wl,-rpath,$PWD/run"
option --library-path "$PWD/env"
