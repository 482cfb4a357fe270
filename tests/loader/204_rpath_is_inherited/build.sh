# What a library needs is searched for in its own DT_RPATH, its loader's, and the program's.
lib c/libm.so.6
lib b/libb.so c/libm.so.6
lib a/liba.so b/libb.so "-Wl,--disable-new-dtags,-rpath,$PWD/b"
program a/liba.so "-Wl,--disable-new-dtags,-rpath,$PWD/a:$PWD/c"
