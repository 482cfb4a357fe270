# musl: a link that leads nowhere is passed over.
musl "$PWD/m"
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/dangling:$PWD/l"
mkdir dangling
ln -s gone dangling/liba.so
