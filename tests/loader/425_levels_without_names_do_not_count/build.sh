# Where ld.so.cache does not tell the names of its levels, their entries do not count.
root
lib opt/liba.so
lib opt/glibc-hwcaps/x86-64-v2/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
patch etc/ld.so.cache 32 '\000\000\000\000'
told levels
