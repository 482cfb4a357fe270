# musl: a semicolon in LD_LIBRARY_PATH is part of a name.
musl "$PWD/m"
lib 'a;b/liba.so'
lib c/libb.so
program 'a;b/liba.so' c/libb.so
option --library-path "$PWD/a;b:$PWD/c"
