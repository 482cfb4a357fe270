# musl: DT_RUNPATH is what DT_RPATH is, and is inherited like it.
musl "$PWD/m"
lib c/libc1.so
lib b/libb.so c/libc1.so
lib a/liba.so b/libb.so "-Wl,-rpath,$PWD/b"
program a/liba.so "-Wl,-rpath,$PWD/a:$PWD/c"
