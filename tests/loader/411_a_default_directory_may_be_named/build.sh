# A default directory that ld.so.conf names first is first.
root
lib usr/lib/liba.so
lib lib/liba.so
program lib/liba.so
echo /usr/lib >etc/ld.so.conf
told ldconfig
