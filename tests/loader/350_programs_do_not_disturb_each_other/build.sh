# musl: what one program finds for a name does not count for another that searches elsewhere.
musl "$PWD/m"
lib one/libx.so
lib two/libx.so
lib l/liba.so one/libx.so
program l/liba.so "-Wl,-rpath,$PWD/l:$PWD/one"
mv program program1
program l/liba.so "-Wl,-rpath,$PWD/l:$PWD/two"
mv program program2
program one/libx.so
mv program program3
