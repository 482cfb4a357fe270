# A root's ld.so.cache is left out, and the root read as ldconfig(8) would leave it, where that is asked for.
root
lib opt/liba.so
lib new/liba.so
lib new/libb.so
program opt/liba.so new/libb.so
echo /opt >etc/ld.so.conf
ldconfig -r .
echo /new >etc/ld.so.conf
option --assume-ldconfig yes
told ldconfig
