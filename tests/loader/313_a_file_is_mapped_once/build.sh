# musl: a file that is found under two names is mapped once.
musl "$PWD/m"
lib l/liba.so
lib l/libb.so
program l/liba.so l/libb.so "-Wl,-rpath,$PWD/l"
ln -sf liba.so l/libb.so
