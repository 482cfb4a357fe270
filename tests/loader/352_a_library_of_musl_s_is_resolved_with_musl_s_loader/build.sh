# musl: a library that names no interpreter, but needs musl's libc, is resolved as by musl's loader.
root
musl ''
lib usr/local/lib/liba.so
lib tmp/libc.so
lib program usr/local/lib/liba.so tmp/libc.so
told listed
