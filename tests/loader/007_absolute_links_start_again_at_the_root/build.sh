# An absolute link leads to a place in the root, for a file as for a directory.
root
lib opt/real/liba.so
lib opt/real/libb.so
program opt/real/liba.so opt/real/libb.so -Wl,-rpath,/one:/two
mkdir one
ln -s /opt/real/liba.so one/
ln -s /opt/real two
