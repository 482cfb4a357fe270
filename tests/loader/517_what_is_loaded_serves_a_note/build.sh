# A note's name that something serves already is not searched for.
lib one/libx.so
lib two/libx.so
opener open.o libx.so
note note.o '[{"soname":["libx.so"]}]'
lib one/liba.so open.o note.o "-Wl,-rpath,$PWD/two"
program one/liba.so one/libx.so "-Wl,-rpath,$PWD/one"
told runs
