# A candidate whose e_type is neither ET_DYN nor ET_EXEC ends the start.
lib l/liba.so
program l/liba.so "-Wl,-rpath,$PWD/other:$PWD/l"
mkdir other
cp "$EMPTY" other/liba.so
