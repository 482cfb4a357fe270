# musl: a path file that cannot be read is as an empty one.
root
musl ''
lib lib/liba.so
program lib/liba.so
mkdir etc/ld-musl-x86_64.path
