# A note may be a single object, and a soname a string, as in the first draft.
lib own/libx.so
opener open.o libx.so
note note.o '{"soname":"libx.so"}'
lib l/liba.so open.o note.o "-Wl,-rpath,$PWD/own"
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
