# musl: the empty name is asked for like any other, and nothing serves it.
musl "$PWD/m"
lib l/liba.so
lib l/libe.so
program l/libe.so l/liba.so "-Wl,-rpath,$PWD/l"
renamed program libe.so ''
