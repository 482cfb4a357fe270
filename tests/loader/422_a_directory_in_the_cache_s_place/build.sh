# An ld.so.cache that is a directory is as good as none.
root
lib opt/liba.so
lib usr/lib/liba.so
program opt/liba.so
mkdir etc/ld.so.cache
