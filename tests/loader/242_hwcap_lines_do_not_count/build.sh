# `hwcap` lines in ld.so.conf say nothing any more.
root
lib opt/liba.so
program opt/liba.so
printf 'hwcap 0 nosegneg\n/opt\n' >etc/ld.so.conf
told ldconfig
