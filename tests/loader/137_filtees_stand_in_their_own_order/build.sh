# Of several DT_AUXILIARY entries each filtee stands before the filter, in their order.
lib l/libone.so
lib l/libtwo.so
lib l/libz.so
lib l/liba.so l/libz.so -Wl,-f,libone.so,-f,libtwo.so "-Wl,-rpath,$PWD/l"
lib l/libb.so
program l/libb.so l/liba.so "-Wl,-rpath,$PWD/l"
