# A library found under one name serves another, its DT_SONAME, from then on.
lib l/libx.so.1
ln -s libx.so.1 l/libx.so
lib fake/libx.so.1
lib linked/libx.so
lib l/liba.so fake/libx.so.1 "-Wl,-rpath,$PWD/fake"
program linked/libx.so l/liba.so "-Wl,-rpath,$PWD/l"
