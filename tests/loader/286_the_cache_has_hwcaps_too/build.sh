# An entry of ld.so.cache for a level that the CPU has goes before the plain one, the best first.
root
lib opt/liba.so
lib opt/glibc-hwcaps/x86-64-v2/liba.so
lib opt/glibc-hwcaps/x86-64-v3/liba.so
lib opt/glibc-hwcaps/x86-64-v9/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
told levels
