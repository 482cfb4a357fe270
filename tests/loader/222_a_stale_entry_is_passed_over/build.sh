# An entry of ld.so.cache whose file is gone is passed over; the default directories are searched next.
root
lib opt/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
mv opt/liba.so usr/lib/
