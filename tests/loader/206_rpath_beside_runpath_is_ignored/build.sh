# Of an object with both tags, DT_RPATH counts neither for it nor for what it loads.
lib own/libm.so.6
lib own/librt.so.1
lib new/libb.so own/librt.so.1
lib liba.so own/libm.so.6 new/libb.so -Wl,--disable-new-dtags "-Wl,-rpath,$PWD/own,-f,$PWD/new"
# Linkers write one or the other: a DT_AUXILIARY of the wanted text becomes the DT_RUNPATH.
patch liba.so "$(at liba.so '\xfd\xff\xff\x7f\0\0\0\0')" '\035\0\0\0'
program liba.so "-Wl,-rpath,$PWD"
