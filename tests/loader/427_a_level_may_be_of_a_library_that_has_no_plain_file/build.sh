# ld.so.cache may know a library in glibc-hwcaps alone; worse CPUs find the default directories' one.
root
mkdir opt
lib opt/glibc-hwcaps/x86-64-v3/liba.so
lib usr/lib/libx.so
lib tmp/liba.so
program tmp/liba.so usr/lib/libx.so
mv tmp/liba.so lib/
echo /opt >etc/ld.so.conf
ldconfig -r .
told levels
