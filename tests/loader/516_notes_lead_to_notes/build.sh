# The notes of what a note brought in count as well.
lib own/liby.so
opener y.o liby.so
note note-y.o '[{"soname":["liby.so"]}]'
lib own/libx.so y.o note-y.o "-Wl,-rpath,$PWD/own"
opener x.o libx.so
note note-x.o '[{"soname":["libx.so"]}]'
program x.o note-x.o "-Wl,-rpath,$PWD/own"
told runs
