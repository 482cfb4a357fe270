# musl: an object's own paths are searched before those of what needs it.
musl "$PWD/m"
lib one/libb.so
lib two/libb.so
lib one/liba.so two/libb.so "-Wl,-rpath,$PWD/two"
program one/liba.so "-Wl,-rpath,$PWD/one"
