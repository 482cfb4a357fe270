# ldconfig(8) passes over texts, directories and dangling links among a directory's libraries.
root
lib opt/libb.so
lib new/liba.so
lib new/libc1.so
program new/liba.so opt/libb.so new/libc1.so
echo 'INPUT(libb.so)' >opt/liba.so
ln -s gone opt/libc1.so
mkdir opt/libd.so
printf '/opt\n/new\n' >etc/ld.so.conf
told ldconfig
