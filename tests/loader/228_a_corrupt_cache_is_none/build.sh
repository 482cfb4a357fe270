# An ld.so.cache that does not begin as one is as good as none.
root
lib opt/liba.so
lib usr/lib/libb.so
lib opt/libb.so
program usr/lib/libb.so
echo /opt >etc/ld.so.conf
ldconfig -r .
patch etc/ld.so.cache 3 X
