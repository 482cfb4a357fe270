# musl: `$` before anything but ORIGIN drops the object's whole list.
musl "$PWD/m"
lib one/liba.so
lib two/liba.so
program one/liba.so "-Wl,-rpath,$PWD/one:"'/$LIB'
option --library-path "$PWD/none"
