# musl: a newline divides a path list as a colon does.
musl "$PWD/m"
lib one/liba.so
lib two/libb.so
program one/liba.so two/libb.so "-Wl,-rpath,$PWD/one
$PWD/two"
