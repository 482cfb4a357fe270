# A preloaded library serves its name to all; what it needs comes behind what the program needs.
lib pre/libd.so
lib pre/libm.so.6 pre/libd.so "-Wl,-rpath,$PWD/pre"
lib l/liba.so -lm
program l/liba.so "-Wl,-rpath,$PWD/l"
option --preload "$PWD/pre/libm.so.6"
