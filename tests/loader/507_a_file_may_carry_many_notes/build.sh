# Each note of a file counts, and each object of a note.
for name in x y z; do
    lib own/lib$name.so
    opener open-$name.o lib$name.so
done
note one.o '[{"soname":["libx.so"]},{"soname":["liby.so"]}]'
note two.o '[{"soname":["libz.so"]}]'
lib l/liba.so open-*.o one.o two.o "-Wl,-rpath,$PWD/own"
program l/liba.so "-Wl,-rpath,$PWD/l"
told runs
