# Directories of ld.so.conf that are absent, and relative ones, are passed over.
root
lib opt/liba.so
program opt/liba.so
printf '/none\nrelative\n/opt\n/opt/\n' >etc/ld.so.conf
told ldconfig
