# musl: DT_SONAME serves no name: only what was searched for does.
musl "$PWD/m"
lib own/libx.so.1
mv own/libx.so.1 own/other.so
lib fake/other.so
lib l/libx.so.1
program fake/other.so l/libx.so.1 "-Wl,-rpath,$PWD/own:$PWD/l"
