# A note may name the file that carries it, by a path of which musl keeps no name.
musl "$PWD/m"
opener open.o "$PWD/own/libx.so"
note note.o "[{\"soname\":[\"$PWD/own/libx.so\"]}]"
lib own/libx.so open.o note.o
program own/libx.so "-Wl,-rpath,$PWD/own"
