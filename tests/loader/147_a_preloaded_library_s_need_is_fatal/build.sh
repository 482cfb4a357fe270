# A library that a preloaded one needs has to be there: it is the preloaded name alone that may be absent.
lib pre/libd.so
lib pre/libp.so pre/libd.so "-Wl,-rpath,$PWD/pre"
program
rm pre/libd.so
option --preload "$PWD/pre/libp.so"
