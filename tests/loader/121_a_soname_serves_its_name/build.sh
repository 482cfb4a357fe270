# A loaded object serves its DT_SONAME: no file of that name is searched for.
lib own/libm.so.6
mv own/libm.so.6 own/other.so
lib fake/other.so
program fake/other.so -lm "-Wl,-rpath,$PWD/own"
