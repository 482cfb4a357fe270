# A name without a slash in LD_PRELOAD is searched for with the program's own paths.
lib own/libp.so
lib own/liba.so
program own/liba.so "-Wl,-rpath,$PWD/own"
option --preload libp.so
