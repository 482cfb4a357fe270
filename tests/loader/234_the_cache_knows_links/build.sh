# ld.so.cache knows the development link as well, where its text is no DT_SONAME.
root
lib opt/libx.so.1
mkdir tmp
lib tmp/libx.so
ln -s libx.so.1 opt/libx.so
program tmp/libx.so
echo /opt >etc/ld.so.conf
ldconfig -r .
