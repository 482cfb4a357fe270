# musl: libc.musl-x86_64.so.1, as Alpine's libraries need it, is the loader itself.
musl "$PWD/m"
lib own/libc.musl-x86_64.so.1
lib own/liba.so own/libc.musl-x86_64.so.1
program own/liba.so "-Wl,-rpath,$PWD/own"
