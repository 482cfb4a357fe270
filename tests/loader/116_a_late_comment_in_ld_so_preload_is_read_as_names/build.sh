# A second comment in /etc/ld.so.preload counts only where it begins within as many bytes as follow the first `#`.
root
lib pre/liba.so
lib pre/libb.so
program
printf '/pre/liba.so # /pre/no.so\n# /pre/libb.so\n' >etc/ld.so.preload
