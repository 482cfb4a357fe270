# An ld.so.cache of another version is as good as none.
root
lib opt/liba.so
lib usr/lib/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
patch etc/ld.so.cache 19 '2'
