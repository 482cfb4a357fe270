# A link of a DT_SONAME's name to an older version does not keep the newest from being found.
root
lib opt/libx.so.1
mv opt/libx.so.1 opt/libx.so.1.1
lib opt/libx.so.1 -Wl,--defsym,v=1
mv opt/libx.so.1 opt/libx.so.1.2
ln -s libx.so.1.1 opt/libx.so.1
program opt/libx.so.1.2
echo /opt >etc/ld.so.conf
told ldconfig
