# A library that is found under two names is mapped once.
lib l/libm.so.6
lib l/liba.so l/libm.so.6 '-Wl,-rpath,$ORIGIN'
lib l/libb.so
program l/liba.so l/libb.so "-Wl,-rpath,$PWD/l"
ln -sf liba.so l/libb.so
