# An ld.so.cache that is shorter than its header says is as good as none.
root
lib usr/lib/libb.so
lib opt/libb.so
program usr/lib/libb.so
echo /opt >etc/ld.so.conf
ldconfig -r .
truncate -s 60 etc/ld.so.cache
