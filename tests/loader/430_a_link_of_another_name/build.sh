# A link whose name has nothing of the DT_SONAME is entered under the DT_SONAME.
root
lib real/libx.so.1
lib opt/libq.so
lib tmp/liby.so
ln -s ../real/libx.so.1 opt/liby.so
program real/libx.so.1
mv program program1
program tmp/liby.so
mv program program2
echo /opt >etc/ld.so.conf
told ldconfig
