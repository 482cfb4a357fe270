# ld.so.cache with the new format behind the old.
root
lib opt/liba.so
lib opt/libb.so
program opt/liba.so opt/libb.so
echo /opt >etc/ld.so.conf
ldconfig -r . -c compat
