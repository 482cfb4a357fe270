# An ld.so.cache that says it is of the other byte order is as good as none.
root
lib usr/lib/libb.so
lib opt/libb.so
program usr/lib/libb.so
echo /opt >etc/ld.so.conf
ldconfig -r .
patch etc/ld.so.cache 28 '\003'
