# An alternative that is there, but lacks what it needs, does not serve: the next one is tried.
lib l/libd.so
lib l/libx.so l/libd.so
lib l/liby.so
opener open.o libx.so liby.so
note note.o '[{"soname":["libx.so","liby.so"]}]'
lib l/liba.so open.o note.o "-Wl,-rpath,$PWD/l"
program l/liba.so "-Wl,-rpath,$PWD/l"
rm l/libd.so
told runs
