# An ld.so.cache that is too short for the entries that it says to have is as good as none.
root
lib opt/liba.so
lib usr/lib/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
patch etc/ld.so.cache 20 '\377\377\377\000'
