# Tokens in LD_LIBRARY_PATH count from each program.
lib one/l/libm.so.6
lib two/l/libm.so.6
for name in one two; do
    program -lm
    mv program $name/
    ln -s $name/program program-$name
done
option --library-path '$ORIGIN/l'
