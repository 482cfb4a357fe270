# The sonames of one object of a note are alternatives, the preferred one first.
lib l/libx.so
lib l/liby.so
opener open.o libgone.so libx.so liby.so
note note.o '[{"soname":["libgone.so","libx.so","liby.so"]}]'
lib l/liba.so open.o note.o "-Wl,-rpath,$PWD/l"
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
