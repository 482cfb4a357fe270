# Of notes, those of a lesser priority than was asked for do not count.
lib l/libx.so
lib l/liby.so
opener open.o required libx.so
note note.o '[{"priority":"required","soname":["libx.so"]},{"soname":["liby.so"]}]'
lib l/liba.so open.o note.o "-Wl,-rpath,$PWD/l"
program l/liba.so "-Wl,-rpath,$PWD/l"
option --dlopen required
told runs
