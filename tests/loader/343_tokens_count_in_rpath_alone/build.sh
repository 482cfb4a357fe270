# musl: tokens are not expanded in LD_LIBRARY_PATH.
musl "$PWD/m"
lib l/liba.so
program l/liba.so
option --library-path '$ORIGIN/l'
