# A root without ld.so.cache is read as the loader would, where that is asked for.
root
lib opt/liba.so
lib usr/lib/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
option --assume-ldconfig no
