# musl: what any object opens later is searched for with the program's own paths.
musl "$PWD/m"
lib one/libx.so
lib two/libx.so
opener open.o libx.so
note note.o '[{"soname":["libx.so"]}]'
lib one/liba.so open.o note.o "-Wl,-rpath,$PWD/two"
program one/liba.so "-Wl,-rpath,$PWD/one"
