# musl: $ORIGIN is a token whatever follows it.
musl "$PWD/m"
lib ../cwdx/liba.so
program ../cwdx/liba.so '-Wl,-rpath,$ORIGINx'
