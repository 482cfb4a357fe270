# DT_FILTER: a filtee that is not found ends the start.
lib l/liba.so -Wl,-F,libfiltee.so
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
