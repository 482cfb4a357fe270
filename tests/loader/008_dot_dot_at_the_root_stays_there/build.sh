# `..` above the root is the root.
root
lib own/liba.so
lib up/libb.so
program own/liba.so up/libb.so -Wl,-rpath,/../../own:/links
mkdir links
ln -s ../../../../up/libb.so links/
