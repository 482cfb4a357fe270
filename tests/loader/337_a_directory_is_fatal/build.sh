# musl: a candidate that is a directory ends the start.
musl "$PWD/m"
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/dir:$PWD/l"
mkdir -p dir/liba.so
