# The path in ld.so.cache is followed like any other: through links, inside the root.
root
lib real/liba.so
program real/liba.so
ln -s /real opt
echo /opt >etc/ld.so.conf
ldconfig -r .
