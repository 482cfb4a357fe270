# Of two entries of ld.so.cache for one name the first alone is tried, stale or not.
root
lib opt/one/liba.so
lib opt/two/liba.so
program opt/one/liba.so
printf '/opt/one\n/opt/two\n' >etc/ld.so.conf
ldconfig -r .
rm opt/one/liba.so
