# Behind ld.so.conf ldconfig(8) looks into the default directories, in the loader's order.
root
lib lib/x86_64-linux-gnu/liba.so
lib usr/lib/liba.so
lib usr/lib/x86_64-linux-gnu/libb.so
lib usr/lib/libx.so
program lib/x86_64-linux-gnu/liba.so usr/lib/x86_64-linux-gnu/libb.so usr/lib/libx.so
: >etc/ld.so.conf
told ldconfig
