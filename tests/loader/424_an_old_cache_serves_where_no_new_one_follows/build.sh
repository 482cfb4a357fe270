# The old format serves where what follows it is not the new one.
root
lib opt/liba.so
lib usr/lib/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r . -c compat
patch etc/ld.so.cache "$(at etc/ld.so.cache glibc-ld.so.cache1.1)" 'X'
