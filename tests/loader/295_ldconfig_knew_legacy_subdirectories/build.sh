# Before glibc 2.37 ld.so.cache may hold entries of tls/ and of a platform's subdirectory.
root
lib opt/liba.so
lib opt/tls/liba.so
lib opt/libb.so
lib opt/x86_64/libb.so
lib opt/libc1.so
lib opt/haswell/libc1.so
program opt/liba.so opt/libb.so opt/libc1.so
echo /opt >etc/ld.so.conf
ldconfig -r .
