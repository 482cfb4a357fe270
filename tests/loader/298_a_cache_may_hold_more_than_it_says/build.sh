# Bytes behind the strings of ld.so.cache do not count.
root
lib opt/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
printf 'more bytes than there should be' >>etc/ld.so.cache
