# musl: a link that leads to itself ends the whole search.
musl "$PWD/m"
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/loop:$PWD/l"
mkdir loop
ln -s liba.so loop/liba.so
