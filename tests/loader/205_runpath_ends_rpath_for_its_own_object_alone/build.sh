# An object with a DT_RUNPATH sees no DT_RPATH at all; what it loads sees its loaders' again.
lib own/libm.so.6
lib own/librt.so.1
lib a/libb.so own/librt.so.1
lib own/liba.so a/libb.so own/libm.so.6 "-Wl,-rpath,$PWD/a"
program own/liba.so "-Wl,--disable-new-dtags,-rpath,$PWD/own"
