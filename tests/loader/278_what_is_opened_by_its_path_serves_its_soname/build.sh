# A library that was opened by a name with a slash serves its DT_SONAME from then on.
lib sub/liba.so -Wl,-soname,sub/liba.so
lib l/libm.so.6
lib l/libb.so l/libm.so.6 "-Wl,-rpath,$PWD/l"
program sub/liba.so l/libb.so "-Wl,-rpath,$PWD/l"
lib sub/liba.so -Wl,-soname,libm.so.6
