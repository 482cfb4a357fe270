# DT_AUXILIARY: the filtee is searched for with the filter's own paths and stands before what it needs.
lib own/libfiltee.so
lib own/libb.so
lib l/liba.so own/libb.so -Wl,-f,libfiltee.so "-Wl,-rpath,$PWD/own"
lib l/libc1.so
program l/liba.so l/libc1.so "-Wl,-rpath,$PWD/l"
