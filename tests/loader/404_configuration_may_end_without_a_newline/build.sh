# Blanks around a directory in ld.so.conf do not count, nor does what ends the file.
root
lib opt/liba.so
lib new/libb.so
program opt/liba.so new/libb.so
printf '  /opt\t\n\n\t/new' >etc/ld.so.conf
told ldconfig
