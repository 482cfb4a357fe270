# DT_RPATH is searched before ld.so.cache, which knows the name as well.
lib own/libm.so.6
program own/libm.so.6 "-Wl,--disable-new-dtags,-rpath,$PWD/own"
