# musl: LD_PRELOAD, divided by blanks and colons, comes before what the program needs; what is absent is ignored.
musl "$PWD/m"
lib l/libp.so
lib l/libq.so
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
option --preload "$PWD/l/libq.so:$PWD/l/libp.so $PWD/gone.so"
