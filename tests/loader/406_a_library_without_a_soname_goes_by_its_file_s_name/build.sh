# ldconfig(8) enters a library without DT_SONAME under its file's name.
root
mkdir opt
cc -shared -nostdlib -o opt/liba.so "$EMPTY"
lib tmp/liba.so
program tmp/liba.so
echo /opt >etc/ld.so.conf
told ldconfig
