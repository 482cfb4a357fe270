# An entry of ld.so.cache for another ABI does not count.
root
lib opt/32/liba.so -m32
lib opt/x32/liba.so -mx32
lib opt/64/liba.so
program opt/64/liba.so
printf '/opt/32\n/opt/x32\n/opt/64\n' >etc/ld.so.conf
ldconfig -r .
