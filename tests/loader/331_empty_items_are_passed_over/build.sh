# musl: empty items of a path list are passed over.
root
musl ''
lib own/liba.so
lib libb.so
program own/liba.so ./libb.so -Wl,-rpath,:/own
