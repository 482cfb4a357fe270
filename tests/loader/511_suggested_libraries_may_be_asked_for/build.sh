# What a note suggests is followed where it is asked for.
lib l/libx.so
opener open.o libx.so
note note.o '[{"priority":"suggested","soname":["libx.so"]}]'
lib l/liba.so open.o note.o "-Wl,-rpath,$PWD/l"
program l/liba.so "-Wl,-rpath,$PWD/l"
option --dlopen suggested
told runs
