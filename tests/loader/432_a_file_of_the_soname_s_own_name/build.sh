# A file, no link, of the DT_SONAME's own name keeps that name beside a newer version.
root
lib opt/libx.so.1
mv opt/libx.so.1 opt/libx.so.1.2
lib opt/libx.so.1 -Wl,--defsym,v=1
program opt/libx.so.1.2
echo /opt >etc/ld.so.conf
told ldconfig
