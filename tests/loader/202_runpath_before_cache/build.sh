# DT_RUNPATH is searched before ld.so.cache, which knows the name as well.
lib own/libm.so.6
program own/libm.so.6 "-Wl,-rpath,$PWD/own"
