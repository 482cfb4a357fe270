# A filtee that stands before its filter already stays there.
lib l/libz.so
lib l/libb.so
lib l/liba.so -Wl,-f,libz.so "-Wl,-rpath,$PWD/l"
program l/libz.so l/libb.so l/liba.so "-Wl,-rpath,$PWD/l"
