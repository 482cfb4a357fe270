# An empty candidate ends the start.
lib l/liba.so
mkdir empty
program l/liba.so "-Wl,-rpath,$PWD/empty:$PWD/l"
: >empty/liba.so
