# Without ld.so.cache the default directories are searched, in the loader's order.
root
lib usr/lib/liba.so
lib usr/lib/libb.so
lib lib/libb.so
program usr/lib/liba.so lib/libb.so
