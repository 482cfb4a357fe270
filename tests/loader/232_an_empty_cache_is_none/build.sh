# An empty ld.so.cache is as good as none.
root
lib usr/lib/libb.so
program usr/lib/libb.so
: >etc/ld.so.cache
