# musl: last come /lib, /usr/local/lib and /usr/lib.
root
musl ''
lib lib/liba.so
lib usr/local/lib/liba.so
lib usr/local/lib/libb.so
lib usr/lib/libb.so
lib usr/lib/libc1.so
program lib/liba.so usr/local/lib/libb.so usr/lib/libc1.so
