# musl: a name that led to a file which was mapped already is looked for again by the next who asks for it.
musl "$PWD/m"
lib one/libx.so
lib one/liby.so
lib two/liby.so
lib l/liba.so two/liby.so "-Wl,-rpath,$PWD/two"
program one/libx.so one/liby.so l/liba.so "-Wl,-rpath,$PWD/one:$PWD/l"
ln -sf libx.so one/liby.so
