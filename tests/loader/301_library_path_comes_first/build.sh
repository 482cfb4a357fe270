# musl: LD_LIBRARY_PATH is searched before any DT_RPATH.
musl "$PWD/m"
lib run/liba.so
lib env/liba.so
program run/liba.so "-Wl,--disable-new-dtags,-rpath,$PWD/run"
option --library-path "$PWD/env"
