# The program's own notes count.
lib own/libx.so
opener open.o libx.so
note note.o '[{"soname":["libx.so"]}]'
program open.o note.o "-Wl,-rpath,$PWD/own"
told runs
