# LD_PRELOAD, divided by blanks or colons, comes before what the program needs, in its own order.
lib l/libp.so
lib l/libq.so
lib l/libr.so
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
option --preload "$PWD/l/libr.so:$PWD/l/libq.so $PWD/l/libp.so"
