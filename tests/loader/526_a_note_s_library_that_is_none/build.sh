# An alternative that is no library does not serve: the next one is tried.
mkdir l
echo 'no library, but a text that is longer than an ELF header, so that it is not too short' >l/libx.so
lib l/liby.so
opener open.o libx.so liby.so
note note.o '[{"soname":["libx.so","liby.so"]}]'
lib l/liba.so open.o note.o "-Wl,-rpath,$PWD/l"
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
