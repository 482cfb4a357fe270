# The whole of what is needed is loaded before anything that a note names.
lib one/libx.so
lib two/libx.so
opener open.o libx.so
note note.o '[{"soname":["libx.so"]}]'
lib one/libb.so two/libx.so "-Wl,-rpath,$PWD/two"
lib one/liba.so open.o note.o "-Wl,-rpath,$PWD/one"
program one/liba.so one/libb.so "-Wl,-rpath,$PWD/one"
told runs
