# musl: what the path file does not name is not searched, the default directories neither.
root
musl ''
lib lib/liba.so
lib one/libb.so
program lib/liba.so one/libb.so
echo /one >etc/ld-musl-x86_64.path
