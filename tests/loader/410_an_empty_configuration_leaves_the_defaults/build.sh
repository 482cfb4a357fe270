# With an empty ld.so.conf the default directories alone are known.
root
lib opt/liba.so
lib usr/lib/libb.so
program opt/liba.so usr/lib/libb.so
: >etc/ld.so.conf
told ldconfig
