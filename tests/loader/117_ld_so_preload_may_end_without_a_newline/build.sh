# The last name in /etc/ld.so.preload counts, whatever ends the file.
root
lib pre/liba.so
lib pre/libb.so
program
printf '/pre/liba.so\n/pre/libb.so' >etc/ld.so.preload
