# The item `/` is the root directory.
root
lib liba.so
program ./liba.so -Wl,-rpath,/
