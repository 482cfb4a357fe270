# musl: the loader's own path as a needed name is the loader itself.
musl "$PWD/m"
lib l/liba.so
lib l/libm0.so "-Wl,-soname,$INTERP"
program l/liba.so l/libm0.so "-Wl,-rpath,$PWD/l"
