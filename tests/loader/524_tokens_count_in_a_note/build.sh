# Tokens in a note's name count from the object that carries it.
lib l/deep/libx.so
opener open.o '$ORIGIN/deep/libx.so'
note note.o '[{"soname":["$ORIGIN/deep/libx.so"]}]'
lib l/liba.so open.o note.o
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
