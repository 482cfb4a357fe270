# An entry of ld.so.cache whose path lies behind the file's end does not count.
root
lib opt/liba.so
lib usr/lib/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
for entry in 0 1 2 3; do patch etc/ld.so.cache "$((48 + 24 * entry + 8))" '\377\377\377\177'; done
