# What LD_PRELOAD and /etc/ld.so.preload both name is loaded once.
root
lib pre/liba.so
lib pre/libb.so
program
echo '/pre/libb.so /pre/liba.so' >etc/ld.so.preload
option --preload /pre/liba.so
