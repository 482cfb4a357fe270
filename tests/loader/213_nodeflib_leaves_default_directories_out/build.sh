# DF_1_NODEFLIB: neither the default directories nor their entries in ld.so.cache, for this object alone.
lib l/liba.so -Wl,--no-as-needed -lm
lib l/librt.so.1
program l/liba.so l/librt.so.1 -nostdlib -Wl,-z,nodefaultlib,-e,0 "-Wl,-rpath,$PWD/l"
