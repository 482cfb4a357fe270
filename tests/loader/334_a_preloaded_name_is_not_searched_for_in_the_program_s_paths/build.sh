# musl: a name without a slash in LD_PRELOAD is looked for in LD_LIBRARY_PATH and the last directories alone.
musl "$PWD/m"
lib l/libp.so
lib env/libq.so
lib last/libr.so
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/l"
echo "$PWD/last" >m/etc/ld-musl-x86_64.path
option --library-path "$PWD/env"
option --preload "libp.so libq.so libr.so"
