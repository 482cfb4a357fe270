# musl: LD_LIBRARY_PATH is searched for a library that is opened later.
musl "$PWD/m"
lib env/libx.so
opener open.o libx.so
note note.o '[{"soname":["libx.so"]}]'
lib l/liba.so open.o note.o
program l/liba.so "-Wl,-rpath,$PWD/l"
option --library-path "$PWD/env"
