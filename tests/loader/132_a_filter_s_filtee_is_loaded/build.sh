# DT_FILTER: as DT_AUXILIARY, where the filtee is found.
lib own/libfiltee.so
lib own/libb.so
lib l/liba.so own/libb.so -Wl,-F,libfiltee.so "-Wl,-rpath,$PWD/own"
lib l/libc1.so
program l/liba.so l/libc1.so "-Wl,-rpath,$PWD/l"
