# ld.so.cache knows a library by its DT_SONAME, and the loader opens it through the link of that name.
root
lib opt/libx.so.1
mv opt/libx.so.1 opt/libx.so.1.2.3
program opt/libx.so.1.2.3
echo /opt >etc/ld.so.conf
ldconfig -r .
