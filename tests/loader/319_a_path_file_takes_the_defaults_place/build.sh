# musl: etc/ld-musl-ARCH.path, divided by colons and lines, takes the default directories' place.
root
musl ''
lib lib/liba.so
lib one/liba.so
lib two/libb.so
lib three/libc1.so
program lib/liba.so two/libb.so three/libc1.so
printf '/one:/two\n/three\n' >etc/ld-musl-x86_64.path
