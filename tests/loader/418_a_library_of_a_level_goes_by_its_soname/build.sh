# ldconfig(8) enters a library in glibc-hwcaps under its DT_SONAME, whatever its file is called.
root
lib opt/libx.so.1
lib opt/glibc-hwcaps/x86-64-v2/libx.so.1
mv opt/glibc-hwcaps/x86-64-v2/libx.so.1 opt/glibc-hwcaps/x86-64-v2/libx.so.1.2
program opt/libx.so.1
echo /opt >etc/ld.so.conf
told ldconfig
told levels
