# DF_1_NODEFLIB passes over a cached path that begins with a default directory, and takes any other.
root
lib usr/lib/sub/liba.so
lib opt/libb.so
program opt/libb.so -nostdlib -Wl,-z,nodefaultlib,-e,0
printf '/usr/lib/sub\n/opt\n' >etc/ld.so.conf
ldconfig -r .
lib opt/libc1.so usr/lib/sub/liba.so
program opt/libb.so usr/lib/sub/liba.so -nostdlib -Wl,-z,nodefaultlib,-e,0
