# `$` before another word, or before a token's name that goes on, is a character like any other.
lib '$NONE/liba.so'
lib '${ORIGIN/libb.so'
lib '$/libc1.so'
lib '$ORIGINAL/sub/libd.so'
program './$NONE/liba.so' './${ORIGIN/libb.so' './$/libc1.so' './$ORIGINAL/sub/libd.so' \
    '-Wl,-rpath,./$NONE:./${ORIGIN:./$:./$ORIGINAL/sub'
