# musl: a loop in one object's list ends the search in the lists of what needs it as well.
musl "$PWD/m"
lib l/libb.so
lib l/liba.so l/libb.so "-Wl,-rpath,$PWD/loop"
program l/liba.so "-Wl,-rpath,$PWD/l"
mkdir loop
ln -s libb.so loop/libb.so
