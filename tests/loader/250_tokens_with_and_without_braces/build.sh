# ${NAME} may be followed by letters, $NAME may not; $LIB and $PLATFORM stand for the loader's own.
lib ls/libone.so
lib x86_64/libtwo.so
lib lib/x86_64-linux-gnu/libthree.so
lib lib64/libthree.so
lib '$ORIGINS/libfour.so'
program ls/libone.so x86_64/libtwo.so lib64/libthree.so '$ORIGINS/libfour.so' \
    '-Wl,-rpath,${ORIGIN}/ls:$ORIGIN/$PLATFORM:$ORIGIN/${LIB}:$ORIGINS'
