# A required library of a note that is not found is missing like any other.
opener open.o required libx.so liby.so
note note.o '[{"priority":"required","soname":["libx.so","liby.so"]}]'
lib l/liba.so open.o note.o
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
