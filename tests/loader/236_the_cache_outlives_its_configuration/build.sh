# What ld.so.cache knows is found though ld.so.conf is gone.
root
lib opt/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
rm etc/ld.so.conf
