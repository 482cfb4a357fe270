# The subdirectories of a directory that ld.so.cache leads to are not searched: the cache knew them, or not.
root
lib opt/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
lib opt/glibc-hwcaps/x86-64-v2/liba.so
told levels
