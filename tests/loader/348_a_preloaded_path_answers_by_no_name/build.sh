# musl: what LD_PRELOAD names by its path does not serve a bare name.
musl "$PWD/m"
lib pre/libx.so
lib l/libx.so
program l/libx.so "-Wl,-rpath,$PWD/l"
option --preload "$PWD/pre/libx.so"
