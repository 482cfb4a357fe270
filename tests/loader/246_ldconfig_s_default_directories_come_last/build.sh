# The default directories follow what ld.so.conf names.
root
lib opt/liba.so
lib usr/lib/liba.so
lib usr/lib/libb.so
lib lib/libb.so
program opt/liba.so usr/lib/libb.so
echo /opt >etc/ld.so.conf
told ldconfig
