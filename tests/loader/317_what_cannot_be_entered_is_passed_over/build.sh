# musl: an item that is absent, or a file, or too long, is passed over.
musl "$PWD/m"
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/none:$PWD/file:/$(printf '%0300d' 0):$PWD/l"
: >file
