# ldconfig(8) enters a development link as well.
root
lib opt/libx.so.1
lib tmp/libx.so
ln -s libx.so.1 opt/libx.so
program tmp/libx.so
echo /opt >etc/ld.so.conf
told ldconfig
