# What is resolved serves its own DT_SONAME: no second file of that name is looked for.
lib x/libx.so
lib l/liba.so x/libx.so "-Wl,-rpath,$PWD/x"
lib program -Wl,-soname,libx.so l/liba.so "-Wl,-rpath,$PWD/l"
told listed
