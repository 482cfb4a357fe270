# DT_AUXILIARY: a filtee that is not found is not missed.
lib l/liba.so -Wl,-f,libfiltee.so
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
