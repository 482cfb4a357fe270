# A filtee that something else asked for already moves before its filter.
lib l/libz.so
lib l/libb.so
lib l/liba.so -Wl,-f,libz.so "-Wl,-rpath,$PWD/l"
program l/liba.so l/libb.so l/libz.so "-Wl,-rpath,$PWD/l"
