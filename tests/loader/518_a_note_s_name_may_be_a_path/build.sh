# A name in a note that holds a slash is opened as it is.
lib own/libx.so
opener open.o "$PWD/own/libx.so"
note note.o "[{\"soname\":[\"$PWD/own/libx.so\"]}]"
lib l/liba.so open.o note.o
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
