# A name in ld.so.cache is taken from there; the default directories come behind.
root
lib opt/liba.so
lib usr/lib/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
