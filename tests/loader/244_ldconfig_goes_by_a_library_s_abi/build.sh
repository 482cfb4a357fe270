# ldconfig(8) takes a library for what its ELF header says it is.
root
lib opt/32/liba.so -m32
lib opt/64/liba.so
program opt/64/liba.so
printf '/opt/32\n/opt/64\n' >etc/ld.so.conf
told ldconfig
