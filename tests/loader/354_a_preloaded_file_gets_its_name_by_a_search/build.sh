# musl: a file that LD_PRELOAD names by its path serves its own name once a search, for any name, has led to it.
musl "$PWD/m"
lib pre/libx.so
lib own/libx.so
lib own/liby.so
lib l/liba.so own/libx.so
program own/liby.so l/liba.so "-Wl,-rpath,$PWD/own:$PWD/l"
ln -sf ../pre/libx.so own/liby.so
option --preload "$PWD/pre/libx.so"
