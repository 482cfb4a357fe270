# What /etc/ld.so.preload names and is not there is warned of, and passed over.
root
lib pre/liba.so
program
echo '/pre/gone.so /pre/liba.so' >etc/ld.so.preload
