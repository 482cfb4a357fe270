# An ld.so.cache that leaves its byte order open, as those before glibc 2.33 do, is read.
root
lib usr/lib/libb.so
lib opt/libb.so
program usr/lib/libb.so
echo /opt >etc/ld.so.conf
ldconfig -r .
patch etc/ld.so.cache 28 '\000'
