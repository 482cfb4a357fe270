# Of an entry's levels the best one alone is tried, stale or not; the default directories are next.
root
lib opt/liba.so
lib opt/glibc-hwcaps/x86-64-v3/liba.so
lib usr/lib/libx.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
rm opt/glibc-hwcaps/x86-64-v3/liba.so
told levels
