# The name that is not found is told, not the library that needs it.
lib l/libb.so
lib l/liba.so l/libb.so
program l/liba.so "-Wl,-rpath,$PWD/l"
