# What /etc/ld.so.preload names is loaded with all that it needs; a name is searched for as the program would.
root
lib deep/libd.so
lib pre/liba.so deep/libd.so -Wl,-rpath,/deep
program -Wl,-rpath,/pre
echo liba.so >etc/ld.so.preload
