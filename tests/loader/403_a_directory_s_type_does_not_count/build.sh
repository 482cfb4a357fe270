# A directory in ld.so.conf may bear a type, as `=libc6`, which says nothing any more.
root
lib opt/liba.so
program opt/liba.so
echo /opt=libc6 >etc/ld.so.conf
told ldconfig
