# $ORIGIN is known whether or not DF_ORIGIN and DF_1_ORIGIN are set.
lib l/libb.so
lib l/liba.so l/libb.so '-Wl,-z,origin,-rpath,$ORIGIN'
program l/liba.so '-Wl,-z,origin,-rpath,$ORIGIN/l'
