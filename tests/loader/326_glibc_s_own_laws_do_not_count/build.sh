# musl: neither ld.so.cache, ld.so.preload, glibc-hwcaps nor DT_AUXILIARY count.
root
musl ''
lib opt/liba.so
lib lib/liba.so -Wl,-f,libfiltee.so
lib lib/libfiltee.so
lib lib/glibc-hwcaps/x86-64-v2/liba.so
program lib/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
echo /lib/libfiltee.so >etc/ld.so.preload
