# musl: an empty path file means that nothing is searched last.
root
musl ''
lib lib/liba.so
program lib/liba.so
: >etc/ld-musl-x86_64.path
