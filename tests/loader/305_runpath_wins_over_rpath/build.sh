# musl: of an object with both tags DT_RUNPATH alone counts.
musl "$PWD/m"
lib old/libb.so
lib new/libb.so
lib l/liba.so new/libb.so -Wl,--disable-new-dtags "-Wl,-rpath,$PWD/old,-f,$PWD/new"
# Linkers write one or the other: a DT_AUXILIARY of the wanted text becomes the DT_RUNPATH.
patch l/liba.so "$(at l/liba.so '\xfd\xff\xff\x7f\0\0\0\0')" '\035\0\0\0'
program l/liba.so "-Wl,-rpath,$PWD/l"
