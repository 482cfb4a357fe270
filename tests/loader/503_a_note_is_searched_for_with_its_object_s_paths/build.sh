# A note's library is searched for with the paths of the object that carries the note.
lib one/libx.so
lib two/libx.so
opener open.o libx.so
note note.o '[{"soname":["libx.so"]}]'
lib l/liba.so open.o note.o "-Wl,-rpath,$PWD/two"
program l/liba.so "-Wl,-rpath,$PWD/one:$PWD/l"
told runs
