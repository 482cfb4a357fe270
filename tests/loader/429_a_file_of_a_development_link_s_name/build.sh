# A file, no link, whose name lacks its DT_SONAME's number is entered under the DT_SONAME alone.
root
lib opt/libx.so.1
mv opt/libx.so.1 opt/libx.so
lib tmp/libx.so
lib tmp/libx.so.1
program tmp/libx.so.1
mv program program1
program tmp/libx.so
mv program program2
echo /opt >etc/ld.so.conf
told ldconfig
