# Of two directories in ld.so.cache that hold one name, the one that ld.so.conf names first wins.
root
lib opt/one/liba.so
lib opt/two/liba.so
program opt/one/liba.so
printf '/opt/two\n/opt/one\n' >etc/ld.so.conf
ldconfig -r .
