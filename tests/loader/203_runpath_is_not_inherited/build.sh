# A library is not searched for in the DT_RUNPATH of the program: its own libm is the cache's.
lib own/libm.so.6
lib own/liba.so own/libm.so.6
program own/liba.so "-Wl,-rpath,$PWD/own"
