# musl: $ORIGIN of a library is the directory that it was opened in, links not resolved; of the owner of the path.
musl "$PWD/m"
lib real/libb.so
lib real/liba.so real/libb.so '-Wl,-rpath,$ORIGIN'
lib l/libb.so
ln -s ../real/liba.so l/
program real/liba.so "-Wl,-rpath,$PWD/l"
