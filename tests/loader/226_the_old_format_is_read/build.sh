# ld.so.cache in the old format (ld.so-1.7.0).
root
lib opt/liba.so
lib opt/libb.so
program opt/liba.so opt/libb.so
echo /opt >etc/ld.so.conf
ldconfig -r . -c old
