# $ORIGIN in the program's DT_RPATH is the program's directory, whoever needs the library.
lib l/libm.so.6
lib l/m/liba.so l/libm.so.6
program l/m/liba.so '-Wl,--disable-new-dtags,-rpath,$ORIGIN/l:$ORIGIN/l/m'
