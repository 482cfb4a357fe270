# A name in LD_PRELOAD that is not found is warned of, and passed over.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
option --preload "libgone.so $PWD/gone.so"
