# What a note merely suggests is left out unless it is asked for.
lib l/libx.so
note note.o '[{"priority":"suggested","soname":["libx.so"]}]'
lib l/liba.so note.o "-Wl,-rpath,$PWD/l"
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
