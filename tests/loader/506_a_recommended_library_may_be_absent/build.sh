# A library of a note that is not found, and not required, is warned of.
opener open.o libx.so
note note.o '[{"priority":"recommended","soname":["libx.so"]}]'
lib l/liba.so open.o note.o
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
