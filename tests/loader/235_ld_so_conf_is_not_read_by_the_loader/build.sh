# A directory that ld.so.conf names is not searched while ld.so.cache does not know it.
root
lib opt/liba.so
lib new/libb.so
program opt/liba.so new/libb.so
echo /opt >etc/ld.so.conf
ldconfig -r .
echo /new >>etc/ld.so.conf
