# What LD_PRELOAD names by its path serves its DT_SONAME.
lib pre/libx.so
mv pre/libx.so pre/other.so
lib l/libx.so
program l/libx.so "-Wl,-rpath,$PWD/l"
option --preload "$PWD/pre/other.so"
