# musl: where an object's list is dropped, those of what needs it still count.
musl "$PWD/m"
lib one/libb.so
lib two/libb.so
lib two/liba.so one/libb.so "-Wl,-rpath,$PWD/one:"'/$PLATFORM'
program two/liba.so "-Wl,-rpath,$PWD/two"
