# A candidate that is a directory ends the start; the next directory is not tried.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/dir:$PWD/l"
mkdir -p dir/liba.so
