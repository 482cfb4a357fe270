# musl: DT_RPATH counts for what an object needs, and for what that needs.
musl "$PWD/m"
lib c/libc1.so
lib b/libb.so c/libc1.so
lib a/liba.so b/libb.so "-Wl,--disable-new-dtags,-rpath,$PWD/b"
program a/liba.so "-Wl,--disable-new-dtags,-rpath,$PWD/a:$PWD/c"
