# What a filtee needs is loaded as well, searched for with the filtee's own paths.
lib deep/libd.so
lib own/libfiltee.so deep/libd.so "-Wl,-rpath,$PWD/deep"
lib l/liba.so -Wl,-f,libfiltee.so "-Wl,-rpath,$PWD/own"
lib l/libz.so
program l/liba.so l/libz.so "-Wl,-rpath,$PWD/l"
