# A root with an ld.so.conf and no ld.so.cache is read as ldconfig(8) would leave it.
root
lib opt/liba.so
lib usr/lib/liba.so
program opt/liba.so
echo '/opt   # ours' >etc/ld.so.conf
told ldconfig
