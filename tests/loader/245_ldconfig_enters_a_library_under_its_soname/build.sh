# ldconfig(8) enters a library under its DT_SONAME, through the link of that name.
root
lib opt/libx.so.1
mv opt/libx.so.1 opt/libx.so.1.2.3
ln -s libx.so.1.2.3 opt/libx.so.1
program opt/libx.so.1.2.3
echo /opt >etc/ld.so.conf
told ldconfig
