# What a note names is loaded with all that it needs.
lib deep/libd.so
lib own/libx.so deep/libd.so "-Wl,-rpath,$PWD/deep"
opener open.o libx.so
note note.o '[{"soname":["libx.so"]}]'
lib l/liba.so open.o note.o "-Wl,-rpath,$PWD/own"
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
