# Libraries that need each other, or themselves, are loaded once.
lib l/liba.so
lib l/libb.so l/liba.so "-Wl,-rpath,$PWD/l"
lib l/liba.so l/libb.so "-Wl,-rpath,$PWD/l"
program l/liba.so "-Wl,-rpath,$PWD/l"
