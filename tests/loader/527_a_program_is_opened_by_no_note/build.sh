# A PIE cannot be opened later either.
lib l/liby.so
mkdir -p l
cc -pie -o l/libx.so "$MAIN"
opener open.o libx.so liby.so
note note.o '[{"soname":["libx.so","liby.so"]}]'
lib l/liba.so open.o note.o "-Wl,-rpath,$PWD/l"
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
